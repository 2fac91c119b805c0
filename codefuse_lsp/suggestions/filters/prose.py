"""What chat models put round code: greetings, fences, role tags, explanations.

Filters: text and its place in, text out. Knows the habits of models; knows nothing of the code itself.
"""

from __future__ import annotations

import re

from codefuse_lsp.suggestions.filters.place import MARKUP, PROSE, Place, depth, in_comment

# Openings that peers and their users report (peers: Continue#1286 and #6637, minuet#64, twinny#142)
_CHATTY = re.compile(
    r"\s*(?:sure|certainly|of course|absolutely|okay|here(?:'s| is| are)|below is|"
    r"the (?:following|above|code|function)|this (?:code|function|method|class|program|script|will|is)|"
    r"to (?:complete|do|fix|solve|implement|achieve)|"
    r"i(?:'ll| will|'ve| have)|you can|as an ai|note that|in this|let's|explanation(?=\s*:))\b"
    r"(?!\s*[=(\[{.;])(?!:\s*\S)",  # names are words too: `sure = True`
    re.IGNORECASE,
)
_FENCE = re.compile(r"^ {0,3}(?:`{3,}|~{3,})[^\n`]*(?:\n|\Z)", re.M)  # CommonMark 4.5; deeper ones are a docstring's
_TRAILING_FENCE = re.compile(r"(?<=[^\s`*])`{3}[ \t]*$", re.M)
_TAG = re.compile(
    r"<\|[\w ]{1,40}\|>|\[/?(?:CODE|INST|PYTHON|TESTS?)\]|<</?SYS>>|</?COMPLETION>|<(?:PRE|SUF|MID|EOT)>|"
    r"<fim[_▁-]\w+>|</?QUERY>"
)
_STROKE = re.compile(r"</?s>")  # Llama's end of text; an element in HTML


def unify_line_ends(text: str, place: Place) -> str:
    """Write every line end as one line feed, as in the context."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def skip_prose(text: str, place: Place) -> str:
    """Begin with the code: a greeting and the fence that opens it are left out.

    A greeting that no fence follows is all prose, and nothing of it is kept.
    """
    if place.context.language in PROSE or in_comment(place.context) or not _may_begin_with_prose(place):
        return text
    while (code := _behind_opening(text)) != text:
        text = code
    return text


def _behind_opening(text: str) -> str:
    fence = _FENCE.search(text)
    if fence and not text[: fence.start()].strip():
        return text[fence.end() :]
    if not _CHATTY.match(text):
        return text
    return text[fence.end() :] if fence else ""


def _may_begin_with_prose(place: Place) -> bool:
    return place.block or place.context.on_blank_line


def cut_at_fence(text: str, place: Place) -> str:
    """End the text where a Markdown fence stands: what follows is prose."""
    if place.context.language in PROSE:
        return text
    found = [match.start() for match in (_FENCE.search(text), _TRAILING_FENCE.search(text)) if match]
    return text[: min(found)] if found else text


def cut_at_tag(text: str, place: Place) -> str:
    """End the text at a role tag or another mark of a prompt, unless the file is about such marks itself."""
    context = place.context
    marks = (_TAG,) if context.language in MARKUP | PROSE else (_TAG, _STROKE)
    if any(mark.search(context.prefix) or mark.search(context.suffix) for mark in marks):
        return text
    found = [match.start() for mark in marks for match in mark.finditer(text) if not _is_quoted(match)]
    return text[: min(found)] if found else text


def _is_quoted(match: re.Match[str]) -> bool:
    """Whether a tag is the whole of a string: then it is one of the code."""
    before, after = match.string[match.start() - 1 : match.start()], match.string[match.end() : match.end() + 1]
    return before == after and before in ('"', "'", "`")


def cut_at_explanation(text: str, place: Place) -> str:
    """End the text where, behind a blank line, a sentence about the code begins."""
    if place.context.language in PROSE or in_comment(place.context):
        return text
    lines = text.split("\n")
    for number, line in enumerate(lines[1:], 1):
        if not lines[number - 1].strip() and depth(line) == 0 and _CHATTY.match(line):
            return "\n".join(lines[:number])
    return text
