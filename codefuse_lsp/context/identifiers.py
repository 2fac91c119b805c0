"""Names in code: the one at a place, those in use, and whether another may take its place.

Input: text, an LSP language id, a place or a name. Output: names and rows. Knows nothing of models or of renaming.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tree_sitter import Node

from codefuse_lsp.context.grammars import nodes, parse
from codefuse_lsp.context.keywords import keywords

MAX_NAME_CHARS = 60
_WORD = re.compile(r"[^\W\d]\w*")
_NAME = re.compile("identifier|constant|name$|variable_name|^word$")


@dataclass(frozen=True, slots=True)
class Identifier:
    """A name where it stands; columns count code points."""

    name: str
    line: int
    start: int
    stop: int


def identifier_at(text: str, language: str, line: int, column: int) -> Identifier | None:
    """Return the name at a place, or the one that ends there; None in a string or a comment, and for a keyword."""
    lines = text.split("\n")
    row = lines[line] if line < len(lines) else ""
    found = next((word for word in _WORD.finditer(row) if word.start() <= column <= word.end()), None)
    if found is None or found[0] in keywords(language):
        return None
    root = parse(text, language)
    if root is not None:
        start = len(row[: found.start()].encode("utf-8", "surrogatepass"))
        node = root.descendant_for_point_range((line, start), (line, start + 1))
        while (
            node is not None and node.child_count == 0 and _NAME.search(node.type) is None and node.parent is not None
        ):
            node = node.parent if node.parent.start_point == node.start_point else None
        if node is None or _NAME.search(node.type) is None:
            return None
    return Identifier(found[0], line, found.start(), found.end())


def names_in(text: str, language: str) -> frozenset[str]:
    """Return all names of a text; without a grammar, all its words."""
    root = parse(text, language)
    if root is None:
        return frozenset(_WORD.findall(text))
    return frozenset(_text(node) for node in nodes(root) if node.child_count == 0 and _NAME.search(node.type))


def fitting_names(proposed: Iterable[str], old: str, taken: Iterable[str], language: str) -> list[str]:
    """Return those of the proposed names that may take the place of `old`, written in its style, each once."""
    unusable = keywords(language) | frozenset(taken) | {old}
    found = dict.fromkeys(restyled(name, old) for name in proposed)
    return [name for name in found if name and name not in unusable and len(name) <= MAX_NAME_CHARS]


def restyled(name: str, like: str) -> str:
    """Return a name written as another is: `snake_case`, `camelCase`, `PascalCase` or `UPPER_CASE`; '' if it is none.

    Of a name that is one word in small letters, the new one may have either of the first two styles: its own.
    """
    parts = _parts(name)
    if not parts or not name.strip("_-$").replace("-", "_").isidentifier():
        return ""
    core = like.strip("_")
    lead = like[: len(like) - len(like.lstrip("_"))]
    if core.isupper() and len(core) > 1:
        joined = "_".join(part.upper() for part in parts)
    elif core[:1].isupper():
        joined = "".join(
            part[:1].upper() + (part[1:] if part.isupper() and len(part) < 4 else part[1:].lower()) for part in parts
        )
    elif "_" in core:
        joined = "_".join(part.lower() for part in parts)
    elif any(letter.isupper() for letter in core):
        joined = _camel(parts)
    else:
        joined = "_".join(part.lower() for part in parts) if "_" in name or name.islower() else _camel(parts)
    return lead + joined if joined.isidentifier() else ""


def _parts(name: str) -> list[str]:
    """Return the words that a name is made of."""
    parts = [""]
    for before, letter, after in zip(f" {name}", name, f"{name[1:]} ", strict=False):
        begins = (letter.isupper() and (before.islower() or after.islower())) or letter.isdigit() != before.isdigit()
        if not letter.isalnum():
            parts.append("")
        elif begins:
            parts.append(letter)
        else:
            parts[-1] += letter
    return [part for part in parts if part]


def _camel(parts: list[str]) -> str:
    return parts[0].lower() + "".join(part[:1].upper() + part[1:].lower() for part in parts[1:])


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "surrogatepass")
