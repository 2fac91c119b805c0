"""A model's answer made into the documentation of a definition: a comment, and never a line of code.

Input: the answer, and where the documentation goes. Output: its lines. Only the comment is taken out of an answer,
whatever else stands in it, and written anew, so that nothing in it can end the comment. Knows nothing of editors or
models.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Sequence
from xml.sax.saxutils import escape

from codefuse_lsp.context.doc_comments import DocPlace, DocStyle
from codefuse_lsp.edits.code_blocks import candidates
from codefuse_lsp.edits.replacement import Place, Unchanged, Unfit, brings_no_flaw

WIDTH = 100  # columns; longer lines of prose are broken
MOST_LINES = 80
_QUOTES = re.compile(r"[rRuUbB]?(\"\"\"|''')")
_WORD = re.compile(r"[^\W\d_]{2}")
_STAR = re.compile(r"^\s*\*? ?(?!/)")
_CODE = re.compile(
    r"\s*(?:@\w[\w.]*(?:\(.*\))?$|(?:async\s+)?def\s|(?:local\s+)?function\s|class\s|func\s|fn\s|pub\s|public\s|private\s|"
    r"export\s|static\s|#\[)|.*[{;]\s*$"
)
_CODE_BEHIND = re.compile(r"^\s*(?:async\s+)?(?:def|class)\s.*:\s*$")


def documentation(answer: str, where: DocPlace, place: Place) -> list[str]:
    """Return the lines, with their ends, that stand at `where` once the answer is applied. Raises Unfit."""
    rows = (*range(place.span.start, where.span.start), *range(where.span.stop, where.definition.span.stop))
    own = {_bare(place.lines[row]) for row in rows}
    said = (_before_code(said_in(piece, where.style), own) for piece in candidates(answer))
    text = next((text for text in said if _WORD.search(text)), "")
    if not text:
        raise Unfit(f"The model's answer holds no documentation of `{where.definition.name}`.")
    lines = written(text, where.style, where.indent)
    new = [line + place.line_end for line in lines]
    if new == list(place.lines[where.span.start : where.span.stop]):
        raise Unchanged("The model would change nothing here.")
    brings_no_flaw(new, Place(place.lines, where.span, place.language))
    return new


def said_in(answer: str, style: DocStyle) -> str:
    """Return what an answer says in its comment, without what marks it as one; '' where there is nothing like it."""
    lines = _docstring(answer) if style.is_docstring else _comment(answer.split("\n"), style)
    text = "\n".join(line.rstrip() for line in lines[:MOST_LINES]).strip("\n")
    first, newline, rest = text.partition("\n")
    return (
        (first.strip() + newline + textwrap.dedent(rest)).strip()
        if not first.startswith((" ", "\t"))
        else textwrap.dedent(text)
    )


def _before_code(text: str, own: Collection[str]) -> str:
    """Return what a text says before it repeats a line of the code."""
    lines = text.split("\n")
    stop = next((row for row, line in enumerate(lines) if len(line.strip()) > 3 and _bare(line) in own), len(lines))
    return "\n".join(lines[:stop]).rstrip()


def _bare(line: str) -> str:
    return line.strip().strip("/*#- ")


def written(text: str, style: DocStyle, indent: str) -> list[str]:
    """Return text as lines of a comment at an indentation, which nothing in the text can end."""
    columns = len(indent.expandtabs(4))
    if style.is_docstring:
        return _as_docstring(_wrapped(text, WIDTH - columns), style, indent)
    text = _harmless(text, style)
    text = _as_xml(text) if style.name.startswith("XML") else text
    body = [f"{indent}{style.line}{line}".rstrip() for line in _wrapped(text, WIDTH - columns - len(style.line))]
    edges = [[indent + style.opening] if style.opening else [], [indent + style.closing] if style.closing else []]
    return [*edges[0], *body, *edges[1]]


def _harmless(text: str, style: DocStyle) -> str:
    r"""Return a text in which nothing ends a comment, or makes one of the code below it.

    A backslash at the end of a line goes on with the comment in C; `\u` is read before all else in Java (JLS 3.3).
    """
    if style.opening:
        text = text.replace("*/", "* /")
    if style.name == "Javadoc":
        text = text.replace("\\u", "\\ u")
    return re.sub(r"\\+[ \t]*$", "", text, flags=re.M)


def _docstring(answer: str) -> list[str]:
    """Return the lines of the first docstring in an answer, which may have been opened before it or cut off."""
    marks = list(_QUOTES.finditer(answer))
    lines = answer.split("\n")
    if not marks:
        stop = next((row for row, line in enumerate(lines) if _CODE.match(line)), len(lines))
        return lines[:stop]
    before = answer[: marks[0].start()]
    opened_before = bool(before.strip()) and not any(map(_CODE_BEHIND.match, before.split("\n")))
    is_prose = before.rstrip().endswith(":")  # "Here is the docstring:"
    if opened_before and not (is_prose and len(marks) > 1):
        return before.split("\n")
    stop = next((mark.start() for mark in marks[1:] if mark[1] == marks[0][1]), len(answer))
    return answer[marks[0].end() : stop].split("\n")


def _comment(lines: Sequence[str], style: DocStyle) -> list[str]:
    """Return the lines of the first comment in an answer, in whichever of the language's forms it is."""
    mark = re.compile(r"\s*(?:#(?!\[|!)+|--+) ?" if style.line in ("# ", "--- ") else r"\s*//[/!]? ?")
    marked = [row for row, line in enumerate(lines) if mark.match(line)]
    starts = [row for row, line in enumerate(lines) if re.match(r"\s*/\*", line)]
    start = next((row for row in starts if re.match(r"\s*/\*[*!]", lines[row])), starts[0] if starts else None)
    if start is not None and not any(row < start for row in marked):
        return _starred(lines[start:])
    if style.opening and any("*/" in line for line in lines):
        return _starred(lines)  # opened by what the answer goes on from
    if not marked:
        stop = next((row for row, line in enumerate(lines) if _CODE.match(line)), len(lines))
        return [re.sub(_STAR, "", line) for line in lines[:stop]]
    first = 0 if _goes_on_into(lines, marked[0], style) else marked[0]
    stop = next((row for row in range(marked[0], len(lines)) if not mark.match(lines[row])), len(lines))
    return [mark.sub("", line) for line in lines[first:stop]]


def _goes_on_into(lines: Sequence[str], row: int, style: DocStyle) -> bool:
    """Return whether the line above a comment is its first one, whose mark was written before the answer."""
    first = lines[0].strip()
    return row == 1 and not style.opening and bool(first) and not first.endswith(":") and not _CODE.match(first)


def _starred(lines: Sequence[str]) -> list[str]:
    text = re.sub(r"^\s*/\*[*!]? ?", "", "\n".join(lines)).partition("*/")[0]
    return [re.sub(_STAR, "", line) for line in text.split("\n")]


def _as_docstring(lines: Sequence[str], style: DocStyle, indent: str) -> list[str]:
    quotes = style.opening
    text = "\n".join(lines).replace(quotes, "'''" if quotes == '"""' else '"""')
    opening = ("r" if "\\" in text else "") + quotes
    lines = text.split("\n")
    if text.endswith(("\\", quotes[0])):
        lines[-1] += " "
    if len(lines) == 1:
        return [f"{indent}{opening}{lines[0]}{quotes}"]
    body = [f"{indent}{line}".rstrip() for line in lines[1:]]
    return [f"{indent}{opening}{lines[0]}".rstrip(), *body, f"{indent}{quotes}"]


def _as_xml(text: str) -> str:
    """Return text as XML documentation: as it is where it has elements, else as a summary."""
    return (
        text if re.search(r"</?(?:summary|param|returns|remarks)\b", text) else f"<summary>\n{escape(text)}\n</summary>"
    )


def _wrapped(text: str, width: int) -> list[str]:
    """Return the lines of a text, the long ones broken between words and continued at their own indentation."""
    found = list[str]()
    for line in text.split("\n"):
        if len(line) <= width or "://" in line:
            found.append(line.rstrip())
            continue
        indent = line[: len(line) - len(line.lstrip())]
        hanging = indent + ("    " if re.match(r"[\w*]+(?: \([^)]*\))?:|[@:\\]\w+", line.lstrip()) else "")
        found += textwrap.wrap(
            line, max(width, 40), subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False
        )
    return found
