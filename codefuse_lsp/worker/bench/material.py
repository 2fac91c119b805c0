"""The prompts of all measures: windows of real Python source, the standard library's own, so that all can repeat them.

Input: a tokenizer and how long a prompt shall be. Output: texts no two of which begin alike, so that what is meant to
be cold is cold in every cache.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import difflib
import inspect
import json.decoder
import tarfile
import textwrap
import typing
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import count

from codefuse_lsp.worker.tokenizer import Tokenizer

MODULES = (argparse, ast, textwrap, json.decoder, typing, tarfile, difflib, dataclasses, inspect)
STRIDE = 1009  # tokens between the beginnings of windows; a prime, so that they keep falling elsewhere
FIELDS = ("host", "port", "user", "timeout", "retries", "folder", "verbose", "level", "width", "height")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the measures are: the issue's table. Tokens, unless a name says otherwise."""

    typing: int = 1500  # prompt of the next keystroke
    cold: int = 512  # prompt of prefill and decode
    new: int = 32  # decoded
    at_once: int = 8  # requests together
    long: int = 2048  # prefill in which a cancel falls
    chat: int = 2000  # prefill of the chat beside ghost text
    streams: int = 4  # chats beside ghost text
    trials: int = 24  # cancels, ghost texts
    cancels: int = 1000  # requests cancelled to look for leaks
    lookup: int = 96  # new tokens of a prompt lookup
    quality: int = 20_000  # of code, for perplexity
    quality_window: int = 1024
    loop_s: float = 2.0  # seconds of ticking


class Material:
    """Prompts cut from one long source."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._numbers = count()

    @cached_property
    def ids(self) -> list[int]:
        """The token ids of the whole source."""
        return self._tokenizer.encode("\n".join(inspect.getsource(module) for module in MODULES))

    def prompt(self, tokens: int) -> str:
        """Return a text of about so many tokens that begins as none before it."""
        start = next(self._numbers) * STRIDE % max(1, len(self.ids) - tokens)
        return self._tokenizer.decode(self.ids[start : start + tokens])

    def decode(self, token_ids: Iterable[int]) -> str:
        """Return the text of ids."""
        return self._tokenizer.decode(token_ids)

    def prompts(self, number: int, tokens: int) -> list[str]:
        """Return several such texts, each a little longer than the one before it."""
        return [self.prompt(tokens + 13 * place) for place in range(number)]

    def repetitive(self) -> str:
        """Return a class and the beginning of its copy under another name, as code is when it is rewritten."""
        number = next(self._numbers)
        lines = [f"        self.{name} = source.get('{name}', {n})\n" for n, name in enumerate(FIELDS)]
        body = "    def __init__(self, source):\n" + "".join(lines)
        begun = "    def __init__(self, source):\n" + "".join(lines[:3])
        return f"class Settings{number}:\n{body}\n\nclass Copy{number}:\n{begun}"


def edited(text: str, part: float) -> str:
    """Return the text with a word put in after so much of it, as an edit in mid-window does."""
    place = int(part * len(text))
    return text[:place] + "edited" + text[place:]
