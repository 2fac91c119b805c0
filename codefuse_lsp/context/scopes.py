"""The classes and functions round the cursor, as far as the window cuts them off: their headers, and a class's fields.

Input: a document and a line. Output: the lines that open the scopes; as a source, a snippet of them. Told by
indentation, which holds while a line is half typed and no grammar would parse it. Knows nothing of what is inside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from codefuse_lsp.context.snippets import Cursor, Snippet

MAX_LINES_UP = 5_000
MAX_HEADER_LINES = 12
MAX_CLASS_LINES = 400  # of a class that are looked through for fields
MAX_FIELDS = 24

_HEADER = re.compile(
    r"\s*(?:(?:export|default|declare|public|private|protected|internal|static|abstract|final|sealed|partial|async"
    r"|override|virtual|readonly|unsafe|extern|pub(?:\([\w:]+\))?|const|inline|open|data|local)\s+)*"
    r"(?:class|def|function\*?|fn|func|fun|impl|struct|interface|trait|enum|union|module|mod|namespace|type|record|object"
    r"|protocol|extension|package)\b"
    r"|\s*(?:[\w<>\[\],.*&:?]+\s+){0,6}[\w$~]+\s*\([^;]*$"  # a method without a keyword, as in Java and C++
)
_CONTROL = re.compile(
    r"\s*[})]*\s*(?:if|elif|else|for|foreach|while|with|try|except|catch|finally|switch|match|case|do|return|unless|until"
    r"|await|throw|new|yield|assert|print|lock|using|defer|go|select|loop|when|default)\b"
)
_CLASS = re.compile(r"(?:^|\s)(?:class|struct|interface|trait|impl|enum|record|object|protocol|union)\s")
_CONSTRUCTOR = re.compile(r"\s*(?:def __init__|constructor|def initialize|fn new|(?:public\s+)?[A-Z]\w*)\s*\(")
_ASSIGNED_FIELD = re.compile(r"\s*(?:self|this)\.#?\w+\s*(?::[^=]+)?=(?!=)|\s*@\w+\s*=(?!=)")
_DECLARED_FIELD = re.compile(
    r"\s*(?:(?:public|private|protected|internal|static|final|readonly|pub|var|let|val|const|declare)\s+)*"
    r"(?:[\w$#]+\s*[?!]?:\s*[^(=]+(?:=.*)?|[\w<>\[\],.?]+\s+\w+\s*(?:=.*)?;)\s*,?;?\s*$"
)


def enclosing_headers(lines: Sequence[str], line: int) -> list[int]:
    """Return the numbers of the lines that open the scopes round `line`, outermost first."""
    found: list[int] = []
    limit = _depth_at(lines, line)
    for number in range(min(line, len(lines)) - 1, max(-1, line - MAX_LINES_UP), -1):
        text = lines[number]
        depth = _depth(text)
        if depth < 0 or depth >= limit or text.lstrip().startswith(("#", "//", "*", "@")):
            continue
        if text.lstrip()[0] in ")]}":
            limit = depth + 1  # the end of a header, or of a block, that began at this depth
            continue
        limit = depth
        if _HEADER.match(text) and not _CONTROL.match(text):
            found.append(number)
        if depth == 0:
            break
    return found[::-1]


class Scopes:
    """The source: what of the enclosing scopes the window leaves out."""

    name = "scopes"

    def find(self, cursor: Cursor, deadline: float) -> Sequence[Snippet]:
        """Return headers and fields above the window, as one snippet."""
        document, window = cursor.document, cursor.window_lines
        shown: list[int] = []
        headers = enclosing_headers(document.lines, cursor.line)
        for header in headers:
            shown += _statement(document.lines, header)
            if _CLASS.search(document.lines[header]):
                shown += fields(document.lines, header)
        hidden = sorted({number for number in shown if number < window.start})
        if not hidden:
            return []
        text = "".join(document.lines[number].rstrip() + "\n" for number in hidden)
        return [Snippet(self.name, document.path, document.language, hidden[0], text, 1.0)]


def fields(lines: Sequence[str], header: int) -> list[int]:
    """Return the lines of a class that declare its fields, or set them in its constructor, with the latter's header."""
    found: list[int] = []
    body = constructor = -1
    for number in _body(lines, header):
        text, depth = lines[number], _depth(lines[number])
        body = depth if body < 0 else body
        if depth == body:
            constructor = number if _CONSTRUCTOR.match(text) else -1
            if constructor >= 0:
                found += _statement(lines, number)
            elif _DECLARED_FIELD.match(text) and not _CONTROL.match(text):
                found.append(number)
        elif constructor >= 0 and _ASSIGNED_FIELD.match(text):
            found.append(number)
        if len(found) >= MAX_FIELDS:
            break
    return found


def _body(lines: Sequence[str], header: int) -> Iterator[int]:
    depth = _depth(lines[header])
    start = _statement(lines, header).stop
    for number in range(start, min(len(lines), start + MAX_CLASS_LINES)):
        here = _depth(lines[number])
        if 0 <= here <= depth and lines[number].strip() != "{":
            return
        if here > depth:
            yield number


def _statement(lines: Sequence[str], start: int) -> range:
    """Return the lines of a header, up to where its brackets are closed."""
    open_brackets = 0
    for number in range(start, min(len(lines), start + MAX_HEADER_LINES)):
        open_brackets += sum(map(lines[number].count, "([")) - sum(map(lines[number].count, ")]"))
        if open_brackets <= 0:
            return range(start, number + 1)
    return range(start, start + 1)


def _depth_at(lines: Sequence[str], line: int) -> int:
    """Return the indentation at a line; a blank one is where the last line before it leaves off."""
    if line < len(lines) and _depth(lines[line]) >= 0:
        return _depth(lines[line])
    above = next((n for n in range(min(line, len(lines)) - 1, -1, -1) if _depth(lines[n]) >= 0), None)
    if above is None:
        return 0
    opens = lines[above].rstrip().endswith((":", "{", "(", "["))
    blank = len(lines[line].rstrip("\r\n").expandtabs(8)) if line < len(lines) else 0
    return max(_depth(lines[above]) + opens, blank)


def _depth(line: str) -> int:
    """Return the column of the first letter; -1 for a blank line."""
    stripped = line.lstrip()
    return len(line[: len(line) - len(stripped)].expandtabs(8)) if stripped else -1
