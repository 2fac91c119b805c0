"""Runs code nobody has read: behind walls, with little of everything, and with nothing left of it afterwards."""
