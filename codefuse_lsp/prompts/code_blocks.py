"""The code blocks of an answer: their language, their text, their place, and the file that each may be meant for.

An answer in Markdown and the paths that its question referred to in, blocks out. The path is a guess: from the words
behind the fence, a line above it or a comment in its first line that is nothing but a path, or the only reference of
its language. It stays inside a workspace: nothing absolute, and no way up. Pure; the disk is never looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from codefuse_lsp.context.languages import PLAIN, SUFFIXES, language_of
from codefuse_lsp.markdown import Opening, closes, opening_of
from codefuse_lsp.prompts.languages import LANGUAGES, fence_name

NESTING = {"markdown", "md", "mdx", "rst"}  # in which a fence with a language opens another one
LONGEST_PATH = 200  # characters
_ALIASES = {
    **{fence_name(language): language for language in LANGUAGES},
    **{name.lower(): language for language, (name, _) in LANGUAGES.items()},
    **{"shell": "shellscript", "sh": "shellscript", "zsh": "shellscript", "console": "shellscript"},
    **{"golang": "go", "node": "javascript", "text": PLAIN, "txt": PLAIN, "docker": "dockerfile", "make": "makefile"},
}
_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
_WORD = re.compile(r"""(?:(?P<key>[\w-]+)=)?(?P<value>"[^"]*"|'[^']*'|[^\s{},]+)""")
_PATH = re.compile(r"(?:\./)?(?:[\w@+()\[\]-][\w.@+()\[\]-]*|\.[\w-][\w.-]*)(?:/[\w.@+()\[\]-]+)*")
_LABEL = r"(?:file(?:name|path)?|path)\s*[:=]\s*"
_COMMENT = re.compile(
    rf"\s*(?:#|//|--|;+|%|/\*|<!--|\(\*|REM\b|')\s*(?:{_LABEL})?(?P<path>\S+?)\s*(?:\*/|-->|\*\))?\s*$", re.I
)
_LINE_ABOVE = re.compile(
    rf"\s*(?:#+\s*|[-*]\s+|\d+[.)]\s+)?(?:in\s+|{_LABEL})?[*_]*[`\"']?(?P<path>[^\s`\"'*]+?)[`\"']?[*_]*:?[*_]*\s*$",
    re.I,
)


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """One fenced block; `start` and `end` are where its fence begins and ends in the answer, in UTF-16 units."""

    index: int
    language: str  # LSP language id where it is known, else the word behind the fence
    path: str
    code: str
    start: int
    end: int


def code_blocks(answer: str, references: Sequence[str] = ()) -> list[CodeBlock]:
    """Return the blocks of an answer in their order, the last one even if its fence was never closed."""
    lines = _LINE.findall(answer)
    places = [0, *accumulate(_units(line) for line in lines)]
    found: list[CodeBlock] = []
    for first, last, opening in _fenced(lines):
        closed = last < len(lines)
        body = lines[first + 1 : last]
        code = "".join(_dedented(line, opening.indent) for line in body)
        language, path = _told(opening.info)
        path = path or _commented(body) or _above(lines, first) or _referred(language, references)
        if not language and path and language_of(path) != PLAIN:
            language = language_of(path)
        end = places[last + closed]
        found.append(CodeBlock(len(found), language, path, code, places[first], end))
    return found


def _fenced(lines: Sequence[str]) -> Iterator[tuple[int, int, Opening]]:
    """Yield the line that opens each block, the one that closes it or the number of lines, and what opens it."""
    opening, first, depth = None, 0, 0
    for number, line in enumerate(lines):
        if opening is None:
            opening, first, depth = opening_of(line), number, 0
        elif closes(line, opening) and depth == 0:
            yield first, number, opening
            opening = None
        elif closes(line, opening):
            depth -= 1
        elif _told(opening.info)[0] in NESTING and (inner := opening_of(line)) and inner.info:
            depth += inner.ticks.startswith(opening.ticks)
    if opening is not None:
        yield first, len(lines), opening


def _told(info: str) -> tuple[str, str]:
    """Return the language and the path that the words behind a fence tell."""
    language, path = "", ""
    for number, match in enumerate(_WORD.finditer(info)):
        key, value = (match["key"] or "").lower(), match["value"].strip("\"'")
        if not key and number == 0:
            language, _, path = value.lstrip(".").partition(":")  # ```python:src/app.py
            if not path and _is_path(value) and ("/" in value or language_of(value) != PLAIN):
                language, path = language_of(value), value
        elif not path and (key in ("file", "filename", "path", "title", "name") or (not key and _is_path(value))):
            path = value
    language = language.lower()
    return _ALIASES.get(language, _BY_SUFFIX.get(language, language)), path if _is_path(path) else ""


def _commented(body: Sequence[str]) -> str:
    """Return the path that a block's first line is a comment of."""
    match = _COMMENT.match(body[0]) if body else None
    return match["path"] if match and _is_path(match["path"]) else ""


def _above(lines: Sequence[str], first: int) -> str:
    """Return the path that the line above a block is nothing but."""
    line = next((line for line in reversed(lines[max(0, first - 2) : first]) if line.strip()), "")
    match = _LINE_ABOVE.match(line)
    return match["path"] if match and _is_path(match["path"]) else ""


def _referred(language: str, references: Sequence[str]) -> str:
    """Return the only path that the question referred to, if a block of this language can be of it."""
    paths = list(dict.fromkeys(references))
    return paths[0] if len(paths) == 1 and language in ("", language_of(paths[0])) else ""


def _is_path(text: str) -> bool:
    """Whether a word can only be meant for a file below a workspace."""
    if len(text) > LONGEST_PATH or not _PATH.fullmatch(text) or ".." in text.split("/"):
        return False
    name = text.rpartition("/")[2]
    return language_of(name) != PLAIN or ("/" in text and "." in name.strip("."))


def _dedented(line: str, indent: str) -> str:
    """Return a line without the indentation that its fence stands at."""
    kept = 0
    while kept < len(indent) and kept < len(line) and line[kept] in " \t":
        kept += 1
    return line[kept:]


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


_BY_SUFFIX = {suffix: language for language, suffixes in SUFFIXES.items() for suffix in suffixes.split()}
