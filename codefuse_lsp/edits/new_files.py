"""A model's answer made into a file of its own, beside the one it is about.

Input: the answer and its language; a path, and whether another one exists. Output: the text, and where it goes. Knows
nothing of editors or models.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath

from codefuse_lsp.context.languages import SUFFIXES
from codefuse_lsp.context.syntax import parses
from codefuse_lsp.edits.code_blocks import candidates
from codefuse_lsp.edits.replacement import Unfit
from codefuse_lsp.prompts.languages import display_name

MOST_NAMES = 100  # that are tried before there is no place for another file


def new_text(answer: str, language: str) -> str:
    """Return the code of an answer as a file of `language`. Raises Unfit."""
    found = candidates(answer)
    if not found:
        raise Unfit("The model answered with no code.")
    text = next((code for code in found if parses(f"{code}\n", language) is not False), None)
    if text is None:
        raise Unfit(f"The model's {display_name(language)} does not parse.")
    return text.strip("\n") + "\n"


def path_beside(path: PurePath, suffix: str, exists: Callable[[PurePath], bool], word: str = "") -> PurePath:
    """Return where a new file goes: beside `path`, named like it, with a number where that exists. Raises Unfit."""
    stem = f"{path.stem}.{word}" if word else path.stem
    names = (f"{stem}.{suffix}", *(f"{stem}_{number}.{suffix}" for number in range(2, MOST_NAMES)))
    found = next((place for name in names if not exists(place := path.with_name(name))), None)
    if found is None:
        raise Unfit(f"There are {MOST_NAMES} files like {names[0]} already.")
    return found


def suffix_of(language: str) -> str:
    """Return the suffix of a language's files, 'txt' where none is known."""
    return SUFFIXES.get(language, "txt").split()[0]
