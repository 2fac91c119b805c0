"""Runs tests that a model wrote, in a copy of the workspace behind walls, and finds out which are worth offering."""
