"""What is open at a cursor and what would close it, by the surface of the text: brackets, quotes, tags, `end`.

Input: a language id and the bytes before and after a cursor. Output: the texts that might close what is open there. A
guess from a few kilobytes that a parser is then asked about; knows nothing of trees.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from codefuse_lsp.context.dialects import DASH_COMMENTS, HASH_COMMENTS, SEMICOLONS, SLASH_COMMENTS

REACH_BYTES = 8 << 10  # looked at on either side of the cursor
MOST_OPEN = 6  # closers that are tried; who has more open than that is not helped by them
_PAIRS = {b"(": b")", b"[": b"]", b"{": b"}"}
_CLOSERS = frozenset(_PAIRS.values())
_QUOTES = (b'"', b"'")
_SHELL = {b"if": b"fi", b"do": b"done", b"case": b"esac"}
_VOID = frozenset(b"area base br col embed hr img input link meta source track wbr !doctype".split())
_TAG = re.compile(rb"<(/?)(!?[a-zA-Z][\w.-]*)[^<>]*?(/?)>")
_WORD = re.compile(rb"(?:^|[;&|\s])(if|do|case|fi|done|esac)(?=[\s;]|$)", re.MULTILINE)


def closers(language: str, before: bytes, after: bytes) -> tuple[bytes, ...]:
    """Return what may stand at the cursor to close what is open there: all of it, then less and less, b'' last."""
    before, after = before[-REACH_BYTES:], after[:REACH_BYTES]
    if language == "html":
        return _suffixes(_unclosed(_open_tags(before), _closed_tags(after)))
    opened = _unclosed(_open_brackets(language, before), _closed_brackets(language, after))
    found = list(_suffixes(opened))
    if language in SEMICOLONS:
        found = [tail + end for tail in found for end in (b"", b";")]
    if language in ("ruby", "lua"):
        found = [tail + b"\nend" * count for count in range(3, 0, -1) for tail in found] + found
    if language == "shellscript" and (words := _open_words(before)):
        found = [tail + end for end in _suffixes([b"\n" + word for word in words]) for tail in found]
    return tuple(dict.fromkeys(found))


def body_to_come(language: str, line: bytes) -> bytes:
    """Return the least body for the Python statement or decorator that ends `line`, b'' where it wants none."""
    if language != "python":
        return b""
    last = line.rstrip().rpartition(b"\n")[2]
    word, indent = last.strip(), last[: len(last) - len(last.lstrip())]
    if word.startswith(b"@"):
        return b"\n" + indent + b"def f(): pass"
    if not word.endswith(b":"):
        return b""
    body = b"\n" + indent + (b"    case _: pass" if word.startswith(b"match ") else b"    pass")
    return body + b"\n" + indent + b"finally: pass" if word == b"try:" else body


def _suffixes(parts: list[bytes]) -> tuple[bytes, ...]:
    """Return all parts together, then without the first, then without the first two, …, then none."""
    parts = parts[:MOST_OPEN]
    return tuple(b"".join(parts[start:]) for start in range(len(parts) + 1))


@lru_cache(maxsize=32)
def _tokens(language: str) -> re.Pattern[bytes]:
    """Return what matches strings and comments whole, and brackets and unpaired quotes one by one, as its group.

    Without the group it skips what cannot begin any of them, which trying them at each character would take long over.
    """
    strings = [rb'"""[\s\S]*?"""', rb"'''[\s\S]*?'''"] if language == "python" else []
    strings += [rb'"(?:[^"\\\n]++|\\.)*+"', rb"'(?:[^'\\\n]++|\\.)*+'", rb"`(?:[^`\\]++|\\.)*+`"]
    comments = [rb"//[^\n]*", rb"/\*[\s\S]*?\*/"] if language in SLASH_COMMENTS else []
    comments += [rb"(?<![\w$])#[^\n]*"] if language in HASH_COMMENTS else []
    comments += [rb"--[^\n]*"] if language in DASH_COMMENTS else []
    tokens = b"|".join([*comments, *strings, rb"[()\[\]{}\"'`]", rb"\n+"])
    return re.compile(rb"[^()\[\]{}\"'`\n#/-]++|(" + tokens + b")")


def _open_brackets(language: str, text: bytes) -> list[bytes]:
    """Return the closers of what is open at the end of a text, the innermost last; of quotes, one open on its line."""
    opened: list[bytes] = []
    quoted = False
    for token in filter(None, _tokens(language).findall(text)):
        if token in _PAIRS:
            opened.append(_PAIRS[token])
        elif token in _CLOSERS:
            if token in opened:
                while opened.pop() != token:
                    pass
        elif quoted and token[:1] == b"\n":
            opened, quoted = [closer for closer in opened if closer not in _QUOTES], False
        elif token in _QUOTES or token == b"`":
            opened.append(token)
            quoted = True
    return opened


@lru_cache(maxsize=4)  # what stands behind a cursor stays while somebody types there
def _closed_brackets(language: str, text: bytes) -> tuple[bytes, ...]:
    """Return the closers in a text of what was opened before it."""
    opened: list[bytes] = []
    closed: list[bytes] = []
    for token in filter(None, _tokens(language).findall(text)):
        if token in _PAIRS:
            opened.append(_PAIRS[token])
        elif token in _CLOSERS:
            if opened and opened[-1] == token:
                opened.pop()
            elif not opened:
                closed.append(token)
    return tuple(closed)


def _unclosed(opened: list[bytes], closed: Sequence[bytes]) -> list[bytes]:
    """Return what nothing in `closed` closes, the innermost first."""
    left = []
    waiting = list(opened)
    for closer in closed:
        while waiting and closer in waiting:
            inner = waiting.pop()
            if inner == closer:
                break
            left.append(inner)
    return left + waiting[::-1]


def _open_tags(text: bytes) -> list[bytes]:
    """Return the end tags of the elements that are open at the end of a text, the innermost last."""
    opened: list[bytes] = []
    for closes, name, alone in _TAG.findall(text):
        tag = b"</" + name + b">"
        if closes and tag in opened:
            while opened.pop() != tag:
                pass
        elif not closes and not alone and name.lower() not in _VOID:
            opened.append(tag)
    return opened


def _closed_tags(text: bytes) -> list[bytes]:
    """Return the end tags in a text of elements that were opened before it."""
    depth, closed = 0, []
    for closes, name, alone in _TAG.findall(text):
        if closes and depth == 0:
            closed.append(b"</" + name + b">")
        elif closes:
            depth -= 1
        elif not alone and name.lower() not in _VOID:
            depth += 1
    return closed


def _open_words(before: bytes) -> list[bytes]:
    """Return what closes the compound commands of a shell that are open, the innermost first."""
    opened: list[bytes] = []
    for word in _WORD.findall(before):
        if word in _SHELL:
            opened.append(_SHELL[word])
        elif word in opened:
            while opened.pop() != word:
                pass
    return opened[::-1]
