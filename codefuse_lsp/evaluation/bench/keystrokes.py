"""Somebody typing real code, key by key, the same at every run.

Input: the text of a Python module and a seed. Output: a place in it, the document as it is before, and keystrokes with
the pauses before them. Pure; knows nothing of editors or of what is suggested meanwhile.

The rhythm is a person's: bursts inside a word, pauses where one ends and longer ones where a line does, a wrong letter
now and then that is seen, erased and typed again, and a word half erased and typed anew. In all it is about 4 keys a
second, which is the mean of 168,000 people, 52 words a minute (Dhakal et al., "Observations on Typing from 136 Million
Keystrokes", CHI 2018).
"""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from dataclasses import dataclass

WITHIN_WORD_S, BETWEEN_WORDS_S, BETWEEN_LINES_S, NOTICED_S = 0.13, 0.26, 0.9, 0.4  # median pauses
SPREAD = 0.35  # of their logarithms
WRONG_SHARE = 0.02  # of the letters
DOUBTED_SHARE = 0.01  # of the characters behind which the last few are typed again
MOST_DOUBTED = 4  # characters
LEAST_LINES = 6  # of a function's body


@dataclass(frozen=True, slots=True)
class Key:
    """One keystroke: `erased` characters before the cursor go, then `text` comes; a line end brings its indentation."""

    pause_s: float  # since the one before
    text: str = ""
    erased: int = 0


@dataclass(frozen=True, slots=True)
class Passage:
    """A function whose body is not there yet: the text on both sides of the cursor, and what will be typed there."""

    name: str  # of the module
    before: str
    after: str
    typed: str


def passage(name: str, source: str) -> Passage:
    """Return the first long function after the middle of a module, without its body; raises ValueError without one."""
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef) or node.lineno < len(lines) // 2:
            continue
        body = node.body[1:] if ast.get_docstring(node) is not None else node.body
        if not body or (body[-1].end_lineno or 0) - body[0].lineno + 1 < LEAST_LINES:
            continue
        first, stop = body[0].lineno - 1, body[-1].end_lineno or 0
        indent = body[0].col_offset
        typed = "".join(lines[first:stop])[indent:].rstrip("\n")
        return Passage(name, "".join(lines[:first]) + " " * indent, "\n" + "".join(lines[stop:]), typed)
    raise ValueError(f"{name} has no long function in its second half.")


def keystrokes(typed: str, count: int, seed: int) -> list[Key]:
    """Return the first keystrokes, at least `count`, of somebody who types a text; they end where nothing is wrong."""
    chance, found = random.Random(seed), []
    strokes = _strokes(typed, chance)
    for group in strokes:
        found += group
        if len(found) >= count:
            break
    return found


def kept(keys: list[Key]) -> str:
    """Return the text that stands there after the keystrokes."""
    text = ""
    for key in keys:
        text = text[: len(text) - key.erased] + key.text
    return text


def _strokes(typed: str, chance: random.Random) -> Iterator[list[Key]]:
    """Yield the keystrokes of each character, with its errors mended."""
    at = 0
    while at < len(typed):
        text = _stroke(typed, at)
        pause_s = _pause(typed, at, chance)
        if text.isalpha() and chance.random() < WRONG_SHARE:
            wrong = chance.choice([letter for letter in "etaoinshrdlu" if letter != text])
            yield [
                Key(pause_s, wrong),
                Key(_drawn(NOTICED_S, chance), erased=1),
                Key(_drawn(BETWEEN_WORDS_S, chance), text),
            ]
        else:
            yield [Key(pause_s, text)]
        at += len(text)
        if chance.random() < DOUBTED_SHARE and (again := _doubted(typed[:at], chance)):
            erasing = [Key(_drawn(NOTICED_S if not n else WITHIN_WORD_S, chance), erased=1) for n in range(len(again))]
            yield erasing + [Key(_drawn(WITHIN_WORD_S, chance), letter) for letter in again]


def _stroke(typed: str, at: int) -> str:
    """Return what one key brings: a character, or a line end with the next line's indentation."""
    if typed[at] != "\n":
        return typed[at]
    rest = typed[at:].lstrip("\n")
    return typed[at : len(typed) - len(rest.lstrip(" "))]


def _doubted(before: str, chance: random.Random) -> str:
    """Return the last few letters, where they are some of one word."""
    letters = before[-chance.randint(2, MOST_DOUBTED) :]
    return letters if letters.isalnum() else ""


def _pause(typed: str, at: int, chance: random.Random) -> float:
    begins_line = typed[:at].rstrip(" ")[-1:] in ("", "\n")
    if begins_line or typed[at] == "\n":
        return _drawn(BETWEEN_LINES_S, chance)
    in_word = typed[at - 1].isalnum() and typed[at].isalnum()
    return _drawn(WITHIN_WORD_S if in_word else BETWEEN_WORDS_S, chance)


def _drawn(median_s: float, chance: random.Random) -> float:
    return median_s * chance.lognormvariate(0.0, SPREAD)
