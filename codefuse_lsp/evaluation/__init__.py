"""Measures the product through its own doors: speed, exactness, silence."""
