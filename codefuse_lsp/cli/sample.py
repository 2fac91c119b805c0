"""The file that the demo opens, and the places in it that it asks about."""

FILE_NAME = "shapes.py"
TEXT = '''\
import math


def circle_area(radius):
    """Return the area of a circle."""
    return math.pi * radius ** 2


def square_area(side):
    """Return the area of a square."""
    return side ** 2


def rectangle_area(width, height):
    """Return the area of a rectangle."""
'''
TYPED = "    return "  # what the demo types at the end of the file
TESTED = "square_area"
QUESTION = "What does the function circle_area do? Answer in two sentences."
