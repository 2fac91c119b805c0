"""What an action is about, and how the model may read it: the code without its secrets, and what is wrong with it.

A target in, a frozen `Told` out. Looks at the disk, so it runs in a thread. Knows nothing of prompts' words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from lsprotocol import types

from codefuse_lsp.context.secrets import Excerpt
from codefuse_lsp.context.syntax import enclosing_definition
from codefuse_lsp.edits.replacement import Place
from codefuse_lsp.lsp.document import Document, Point
from codefuse_lsp.lsp.protocol.actions import Target
from codefuse_lsp.lsp.selection import Selection, selection_of, text_of
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.prompts.heads import Subject

MOST_FIXED_LINES = 100  # of a function that is written anew to mend something in it


@dataclass(frozen=True, slots=True)
class Told:
    """The code in its document, and as the model may read it; `problems` are what the client's diagnostics say."""

    selection: Selection
    subject: Subject
    problems: tuple[str, ...]
    restorations: Mapping[str, str]

    @property
    def place(self) -> Place:
        """Where new code goes."""
        return Place(self.selection.document.lines, self.selection.span, self.selection.language)

    @property
    def name(self) -> str:
        """What the user calls it: a definition, where there is nothing beside it, else the file."""
        found, span = self.selection.found, self.selection.span
        if found is None:
            return self.subject.path
        lines = self.selection.document.lines
        beside = (*lines[span.start : found.span.start], *lines[found.span.stop : span.stop])
        return self.subject.path if any(line.strip() for line in beside) else self.subject.name


def told_about(server: CodeFuseServer, document: Document, target: Target) -> Told:
    """Return what an action at `target` is about; `document` is the target's, frozen. Raises CodeFuseError."""
    selection = selection_of(server, document, target)
    diagnostics = target.diagnostics or ()
    excerpts = [selection.excerpt, selection.source_head, *(Excerpt(_problem(document, one)) for one in diagnostics)]
    code, head, *problems = server.suggester.surroundings.redacted(excerpts)
    found = selection.found
    subject = Subject(
        code=_with_line_feeds(code.text),
        language=selection.language,
        path=PurePath(server.path_of(document)).name,
        name=found.name if found else "",
        owner=found.owner if found else "",
        source_head=_with_line_feeds(head.text),
    )
    return Told(selection, subject, tuple(problem.text for problem in problems), code.restorations)


def mended(document: Document, target: Target) -> Target:
    """Return the target of a fix: the function round what is wrong, unless it is long; else the statements there."""
    ranges = [target.range, *(one.range for one in target.diagnostics or ())]
    points = [(document.point(one.start), document.point(one.end)) for one in ranges[1:] or ranges]
    first, last = min(start for start, _ in points), max(end for _, end in points)
    around = enclosing_definition(text_of(document), document.language_id or "", first.line)
    if around is not None and last.line in around and around.stop - around.start <= MOST_FIXED_LINES:
        first, last = Point(around.start, 0), Point(around.stop, 0)
    start, end = document.position(*first), document.position(*last)
    if start == end:
        end = types.Position(end.line, end.character + 1)  # a cursor would mean the function
    return Target(target.uri, types.Range(start, end), target.version, target.action, None, target.diagnostics)


def _problem(document: Document, diagnostic: types.Diagnostic) -> str:
    """Return what a diagnostic says, with the line that it says it of."""
    row = diagnostic.range.start.line
    line = document.lines[row].strip() if row < len(document.lines) else ""
    where = f"in `{line}`: " if line and "`" not in line else f"line {row + 1}: "
    code = f" ({diagnostic.code})" if diagnostic.code is not None else ""
    message = diagnostic.message if isinstance(diagnostic.message, str) else diagnostic.message.value
    return f"{where}{message}{code}"


def overlapping(diagnostics: Sequence[types.Diagnostic], range: types.Range) -> list[types.Diagnostic]:
    """Return the diagnostics on the lines of a range."""
    return [
        one for one in diagnostics if one.range.start.line <= range.end.line and one.range.end.line >= range.start.line
    ]


def _with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
