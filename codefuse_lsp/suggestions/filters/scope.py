"""Where a block ends: a suggestion does not leave the block in which the cursor stands.

Filter: text and its place in, text out. Knows the shapes of blocks (indentation, brackets, `end`), not their grammar.
The rules begin with Tabby's limitScopeByIndentation.ts; a line is judged by what stands above and left of it only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.suggestions.filters.brackets import PAIRS
from codefuse_lsp.suggestions.filters.place import (
    END_LANGUAGES,
    PROSE,
    Place,
    depth,
    line_above,
    lines_below,
    literal_lines,
    opens_block,
    statement_depth,
)

_END_WORDS = ("end", "fi", "done", "esac", "until")
_PYTHON_GOES_ON = ("else", "elif", "except", "finally", "case")
_END_GOES_ON = ("else", "elsif", "elseif", "elif", "when", "in", "rescue", "ensure", "catch", "after")
_BRACES_GO_ON = ("else", "catch", "finally", "while", "case", "default", "public", "private", "protected", "#")
_FLAT = re.compile(r"\s*(?:namespace\b|extern\b|<(?:html|head|body)\b)")  # bodies that are often not indented
_YAML_GOES_ON = ("-",)


@dataclass(frozen=True, slots=True)
class Scope:
    """The block at the cursor, in columns: lines right of or at `floor` belong to it, its closing line is at `edge`."""

    floor: int
    edge: int | None  # None: nothing encloses it
    is_opened_here: bool


@lru_cache(maxsize=8)
def scope_of(context: CursorContext) -> Scope:
    """Return the block that the text at the cursor belongs to."""
    opener = context.line_prefix if context.line_prefix.strip() else line_above(context)
    if context.line_prefix.strip():
        here = statement_depth(context)
        if _FLAT.match(opener):
            return Scope(here, None, is_opened_here=False)
        return Scope(here + 1, here, is_opened_here=True)
    here = depth(context.line_prefix + ".")
    if opens_block(opener, context.language) and here <= depth(opener):
        return Scope(depth(opener) + 1, depth(opener), is_opened_here=True)
    return Scope(here, _edge(context, here), is_opened_here=False)


def _scope_with(place: Place, first_line: str) -> Scope:
    """Return the block of a text by its first line too.

    That line may have opened the block; on a line without indentation, it is where the block's comes from.
    """
    context = place.context
    if place.opens:
        return scope_of(replace(context, prefix=context.prefix + first_line))
    scope = scope_of(context)
    here = depth(context.line_prefix + first_line)
    if not context.on_blank_line or not first_line.strip() or here <= scope.floor:
        return scope
    return Scope(here, _edge(context, here), scope.is_opened_here)


def _edge(context: CursorContext, here: int) -> int | None:
    """Return the depth of the nearest line above that lies outside a block at depth `here`."""
    above = reversed(context.prefix.split("\n")[:-1])
    return next((depth(line) for line in above if line.strip() and depth(line) < here), None)


def stop_at_dedent(text: str, place: Place) -> str:
    """End a block where its indentation ends.

    Its closing line belongs to it unless that stands below already, and so does what may follow in the same
    statement, such as `else`.
    """
    if not place.block or place.context.language in PROSE:
        return text
    lines = text.split("\n")
    kept = _lines_kept(lines, place, may_grow=False)
    return text if kept is None else "\n".join(lines[:kept])


def has_left_scope(text: str, place: Place) -> bool:
    """Whether a growing text has left its block, as early as the first letters of a line can tell."""
    return (
        place.block
        and place.context.language not in PROSE
        and _lines_kept(text.split("\n"), place, may_grow=True) is not None
    )


def _lines_kept(lines: list[str], place: Place, *, may_grow: bool) -> int | None:
    """Return how many lines belong to the block; None while it has not ended."""
    context, scope = place.context, _scope_with(place, lines[0])
    in_literal = literal_lines(lines, context.language)
    is_first, has_nested = True, False
    for number, line in enumerate(lines[1:], 1):
        if not line.strip() or in_literal[number]:
            continue
        if depth(line) >= scope.floor:
            is_new = not lines[number - 1].strip() and depth(line) == scope.floor == 0 and not scope.is_opened_here
            if is_new and has_nested and not line.startswith((*PAIRS, *_END_WORDS)):
                return number  # another definition
            has_nested |= depth(line) > scope.floor
        else:
            is_partial = may_grow and number == len(lines) - 1
            verdict = _verdict(line, context, scope, is_first=is_first, is_partial=is_partial)
            if verdict is not None:
                return number + verdict
        is_first = False
    return None


def _verdict(line: str, context: CursorContext, scope: Scope, *, is_first: bool, is_partial: bool) -> int | None:
    """Return 1 for a line that ends the block and belongs to it, 0 for one beyond it, None where the block goes on."""
    body = line.strip()
    if _is_directive(body, context.language):
        return None
    if depth(line) != scope.edge or not _may_end_here(context, scope):
        return 0
    words = _going_on(context.language)
    if is_partial:
        known = (*words, *_END_WORDS, *PAIRS, "{", "</", "then", "do", "begin")
        return None if any(body.startswith(word) or word.startswith(body) for word in known) else 0
    if is_first and re.match(r"(?:\{|then\b|do\b|begin\b)", body):
        return None  # Allman's braces
    closes = body[0] in PAIRS or body.startswith("</") or _closing_word(body, context.language)
    goes_on = body.startswith(tuple(words)) if body[0] in "-#" else _first_word(body) in words
    if not closes and not goes_on:
        return 0
    if _is_below(line, context):
        return 0
    return None if goes_on or opens_block(line, context.language) else 1


def _may_end_here(context: CursorContext, scope: Scope) -> bool:
    """Whether the block may be closed or gone on with: not in its midst."""
    below = lines_below(context)
    return scope.is_opened_here or not below or scope.edge is None or depth(below[0]) <= scope.edge


def _is_below(line: str, context: CursorContext) -> bool:
    below = lines_below(context)
    return bool(below) and depth(below[0]) == depth(line) and _head(below[0]) == _head(line)


def _head(line: str) -> str:
    body = line.strip()
    return body[:1] if body[:1] in PAIRS else re.match(r"</?[\w.-]*|\W?\w*", body)[0]  # type: ignore[index]


def _first_word(body: str) -> str:
    found = re.match(r"[}\])]*\s*(\w+)", body)
    return found[1] if found else ""


def _closing_word(body: str, language: str) -> bool:
    return language in END_LANGUAGES and _first_word(body) in _END_WORDS


def _going_on(language: str) -> tuple[str, ...]:
    if language == "python":
        return _PYTHON_GOES_ON
    if language == "yaml":
        return _YAML_GOES_ON
    return _END_GOES_ON if language in END_LANGUAGES else _BRACES_GO_ON


def _is_directive(body: str, language: str) -> bool:
    return language in ("c", "cpp", "csharp", "objective-c", "objective-cpp", "cuda-cpp") and body.startswith("#")
