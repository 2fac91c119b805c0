"""What is given on the command line: a text in, a value out, or a sentence that says what is wrong with it."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TypeVar

from codefuse_lsp import config
from codefuse_lsp.config import Settings

T = TypeVar("T", int, float)


def pair(text: str) -> tuple[str, str]:
    """Return a setting's name and value."""
    name, equals, value = text.partition("=")
    name = config.snake_case(name)
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    if name not in config.names():
        raise argparse.ArgumentTypeError(f"there is no setting {name!r}; `codefuse-lsp doctor --settings` lists all")
    _, problems = config.apply(Settings(), {name: value}, "--set")
    if problems:
        raise argparse.ArgumentTypeError(problems[0].removeprefix("--set: ").partition("; keeping")[0])
    return name, value


def place(text: str) -> tuple[Path, int, int]:
    """Return a file, and a line and a column in it."""
    path, *numbers = text.rsplit(":", 2)
    try:
        line, column = (int(number) for number in numbers)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not like app.py:12:8") from None
    if not path:
        raise argparse.ArgumentTypeError(f"{text!r} names no file; write it like app.py:12:8")
    if line < 1 or column < 1:
        raise argparse.ArgumentTypeError("lines and columns count from 1")
    return Path(path), line, column


def question(text: str) -> str:
    """Return a question that is one."""
    if not text.strip():
        raise argparse.ArgumentTypeError("there is no question in it")
    return text


def pattern(text: str) -> re.Pattern[str]:
    """Return a regular expression that ignores case."""
    try:
        return re.compile(text, re.IGNORECASE)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no pattern ({error})") from None


def count(text: str) -> int:
    """Return a number of things."""
    return _between(text, int, 1, 100_000)


def port(text: str) -> int:
    """Return a port's number, 0 for a free one."""
    return _between(text, int, 0, 65_535)


def seconds(text: str) -> float:
    """Return a time that is longer than none."""
    return _between(text, float, 0.1, 86_400)


def temperature(text: str) -> float:
    """Return a temperature of sampling."""
    return _between(text, float, 0, 2)


def _between(text: str, kind: type[T], low: T, high: T) -> T:
    """Return a number of a kind; raises ArgumentTypeError for one out of its range."""
    try:
        number = kind(text)
    except ValueError:
        number = None
    if number is None or not low <= number <= high:  # NaN is nowhere
        name = "whole number" if kind is int else "number"
        raise argparse.ArgumentTypeError(f"{text!r} is not a {name} from {low:g} to {high:g}")
    return number
