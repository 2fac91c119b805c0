"""A code assistant for any editor, from a model on the user's own machine."""

__version__ = "0.1.0"
