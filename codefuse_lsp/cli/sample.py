"""The file that the demo opens, and the places in it that it asks about."""

FILE_NAME = "basket.py"
TEXT = '''\
def is_empty(items):
    """Return whether there are no items."""
    return len(items) == 0


def cheapest(prices):
    """Return the lowest of the prices."""
    return min(prices)


def total(prices):
    """Return the sum of the prices."""
'''
TYPED = "    return "  # what the demo types at the end of the file
EXPLAINED = "cheapest"
TESTED = "is_empty"
QUESTION = "Write a function called average, in the style of this file."
