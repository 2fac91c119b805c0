"""What a question refers to, as text: files, parts of them, symbols, problems, staged changes, a terminal's output.

References of the wire in; pieces of text in their places out, not yet redacted, with a sentence for each that has none.
The documents are taken in the event loop; the rest reads the disk and runs git, in a thread. Knows nothing of prompts'
sizes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from urllib.parse import unquote

from lsprotocol import types
from pygls.uris import to_fs_path

from codefuse_lsp.context.languages import language_of
from codefuse_lsp.context.paths import nearest
from codefuse_lsp.context.secrets import Excerpt
from codefuse_lsp.context.snippets import Document as Snapshot
from codefuse_lsp.context.staged import StagedUnknown, staged_diff
from codefuse_lsp.context.symbols import find_symbol
from codefuse_lsp.context.syntax import LineSpan
from codefuse_lsp.context.terminal import plain_text
from codefuse_lsp.lsp import snapshots
from codefuse_lsp.lsp.document import Document, split_lines
from codefuse_lsp.lsp.protocol.references import Reference as Wanted
from codefuse_lsp.lsp.published import as_text
from codefuse_lsp.lsp.selection import excerpt_of
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.prompts.chat import Reference

MAX_REFERENCES = 64  # of a question
MAX_CHARS = 1 << 20  # of a reference; the rest of a longer one is left out
MAX_FILE_BYTES = 400_000  # of a file that nobody opened, in which a symbol is looked for
MOST_SEARCHED = 5_000  # such files, the nearest
SYMBOL_S = 1.5  # to look for a symbol in the workspace
_SEPARATOR = re.compile(r"\W+")
KINDS = ("file", "selection", "symbol", "diagnostics", "diff", "terminal")


@dataclass(frozen=True, slots=True)
class Given:
    """A reference, and the document it names as it was when the user asked."""

    wanted: Wanted
    kind: str
    text: str  # that goes with it
    documents: tuple[Document, ...]  # of a file that has only a name, one for each folder of the workspace

    @property
    def document(self) -> Document | None:
        """The one that is open or lies on the disk, if any does; looks at the disk where there are several."""
        if len(self.documents) == 1:
            return self.documents[0]
        return next((one for one in self.documents if one.version is not None or Path(one.path).is_file()), None)


@dataclass(frozen=True, slots=True)
class Desk:
    """All that references are looked up in."""

    given: tuple[Given, ...]
    opened: tuple[Snapshot, ...]
    folders: tuple[Path, ...]
    unheard: tuple[str, ...] = ()  # sentences


@dataclass(slots=True)
class Gathered:
    """What references point at, each with its text in its place, and a sentence for what is missing."""

    found: list[tuple[Reference, Excerpt]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def on_desk(server: CodeFuseServer, wanted: Sequence[Wanted]) -> Desk:
    """Take what references name out of the editor's documents; for the event loop."""
    frozen: dict[str, Document] = {}
    given = [_given(server, one, frozen) for one in wanted[:MAX_REFERENCES]]
    unheard = (f"Only {MAX_REFERENCES} references are read.",) if len(wanted) > MAX_REFERENCES else ()
    if any(one.kind == "symbol" for one in given):
        snapshots.refresh(server)
    folders = tuple(map(Path, server.folders))
    return Desk(tuple(given), tuple(server.snapshots.values()), folders, unheard)


def gather(server: CodeFuseServer, desk: Desk) -> Gathered:
    """Return what references point at; reads files and runs git, so it runs in a thread."""
    gathered = Gathered(refused=list(desk.unheard))
    for one in desk.given:
        before = len(gathered.found)
        _LOOKING[one.kind](server, desk, one, gathered)
        if len(gathered.found) > before and one.document is not None:
            _rules_near(server, desk, Path(server.path_of(one.document)), gathered)
    return gathered


def _rules_near(server: CodeFuseServer, desk: Desk, path: Path, gathered: Gathered) -> None:
    """Add the rules that hold for the folder of a file below the workspace's own, where the user trusts it."""
    root = server.workspace_root(path.as_uri()) if path.is_absolute() else None
    if root is None or not (server.trusted and server.settings.project_rules):
        return
    ignore = server.suggester.surroundings.ignore
    found = server.remembered.rules.near(path, root, lambda one: ignore.reason_unasked(one) is None)
    name = shown_path(str(found[0]), desk.folders) if found else ""
    if found and all(reference.path != name for reference, _ in gathered.found):
        label = f"(rules for {found[0].parent.relative_to(root).as_posix()}/)"
        _add(gathered, Reference(name, "markdown", "", label, "rules"), Excerpt(found[1]))


def shown_path(path: str, folders: Sequence[Path]) -> str:
    """Return a path as it is told: from the workspace's folder on, where it lies in one."""
    pure = PurePath(path)
    around = [folder for folder in folders if pure.is_absolute() and pure.is_relative_to(folder)]
    return pure.relative_to(max(around, key=lambda folder: len(folder.parts))).as_posix() if around else path


def _given(server: CodeFuseServer, wanted: Wanted, frozen: dict[str, Document]) -> Given:
    kind = wanted.kind if wanted.kind in KINDS else ""
    kind = kind or ("selection" if wanted.range else "symbol" if wanted.name else "file")
    uris = [wanted.uri] if wanted.uri and kind != "diff" else []
    if not uris and kind == "file" and wanted.name:
        uris = [(Path(folder) / wanted.name).as_uri() for folder in server.folders]
    for uri in uris:
        if uri not in frozen:  # which copies its lines
            frozen[uri] = server.document(uri).frozen()
    text = wanted.text or ""
    if kind == "diagnostics" and not text.strip() and wanted.uri:
        text = as_text(server.published.get(unquote(wanted.uri), ()))
    return Given(wanted, kind, text, tuple(frozen[uri] for uri in uris))


def _lines(server: CodeFuseServer, desk: Desk, given: Given, gathered: Gathered) -> None:
    """Add a file or a range of it."""
    document = given.document
    if document is None and given.kind == "selection":
        gathered.refused.append("The selection was left out, since none was given: name a file with @file instead.")
        return
    if document is None:
        name = given.wanted.name
        sentence = f"There is no file {name} in the workspace." if name else "It names no file."
        gathered.refused.append(f"A reference was left out. {sentence}")
        return
    rule = server.rule_against(document)
    if given.wanted.uri is None:  # named in words, which may come from anywhere
        rule = rule or server.suggester.surroundings.ignore.reason_unasked(document.path)
    if rule:
        gathered.refused.append(f"A reference was left out. {rule}")
        return
    path = shown_path(server.path_of(document), desk.folders)
    if not any(line.strip() for line in document.lines) or any("\0" in line for line in document.lines[:200]):
        gathered.refused.append(f"A reference was left out. {path} {_what_is_wrong(document)}.")
        return
    span, label = LineSpan(0, len(document.lines)), ""
    if given.wanted.range is not None:
        span, label = _span(document, given.wanted.range)
    language = document.language_id or language_of(path)
    _add(gathered, Reference(path, language, "", label, given.kind), excerpt_of(document.lines, span))


def _span(document: Document, where: types.Range) -> tuple[LineSpan, str]:
    """Return the lines of a range; one that ends at the beginning of a line does not mean that line."""
    (first, _), (last, column) = document.point(where.start), document.point(where.end)
    last = last - 1 if column == 0 and last > first else last
    return LineSpan(first, last + 1), f"lines {first + 1}-{last + 1}"


def _what_is_wrong(document: Document) -> str:
    if any("\0" in line for line in document.lines[:200]):
        return "is no text"
    path = to_fs_path(document.uri)
    if path is None or document.version is not None:
        return "is empty"
    return "is empty" if Path(path).is_file() else "is a folder" if Path(path).is_dir() else "does not exist"


def _symbol(server: CodeFuseServer, desk: Desk, given: Given, gathered: Gathered) -> None:
    """Add the definitions of a name."""
    name = given.wanted.name or ""
    deadline = time.monotonic() + SYMBOL_S
    found = find_symbol(name, _texts(server, desk, given, deadline), deadline) if name else []
    for symbol in found:
        path, span = shown_path(symbol.document.path, desk.folders), symbol.found.span
        label = f"{symbol.name}, lines {span.start + 1}-{span.stop}"
        reference = Reference(path, symbol.document.language, "", label, "symbol")
        _add(gathered, reference, excerpt_of(symbol.document.lines, span))
    if not found and given.wanted.range is not None:
        _lines(server, desk, given, gathered)  # where the client saw it
    elif not found:
        gathered.refused.append(f"No definition of '{name}' was found; it was left out.")


def _texts(server: CodeFuseServer, desk: Desk, given: Given, deadline: float) -> Iterator[Snapshot]:
    """Yield where a symbol may be defined: in its document, in the open ones, then in files, the nearest first."""
    ignore, seen = server.suggester.surroundings.ignore, set()
    if (document := given.document) is not None:
        path = server.path_of(document)
        seen.add(path)
        if server.rule_against(document) is None:
            yield Snapshot(path, document.language_id or language_of(path), 0, document.lines)
    for opened in desk.opened:
        if opened.path not in seen and ignore.rule_against(opened.path) is None:
            seen.add(opened.path)
            yield opened
    chunks = server.remembered.paths.chunks(desk.folders, ignore.ignores_folder, deadline)
    name = _SEPARATOR.split((given.wanted.name or "").removesuffix("()"))[-1].encode("utf-8", "replace")
    for place in nearest(chunks, [shown_path(path, desk.folders) for path in seen], MOST_SEARCHED):
        if str(place.path) not in seen and ignore.reason_unasked(place.path) is None:
            text = _text_with(name, place.path)
            yield Snapshot(str(place.path), language_of(place.relative), 0, split_lines(text))


def _text_with(name: bytes, path: Path) -> str:
    """Return the text of a file that has a name in it, '' of any other."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES or not path.is_file():
            return ""
        content = path.read_bytes()
    except OSError:
        return ""
    return content.decode("utf-8-sig", "replace") if name in content else ""


def _diagnostics(server: CodeFuseServer, desk: Desk, given: Given, gathered: Gathered) -> None:
    """Add the problems of a document, as the client told them or as they were published from here."""
    document = given.document
    if document is not None and (rule := server.rule_against(document)):
        gathered.refused.append(f"Problems were left out. {rule}")
        return
    path = shown_path(server.path_of(document), desk.folders) if document is not None else "the workspace"
    if not given.text.strip():
        gathered.refused.append(f"No problems are known of {path}.")
        return
    reference = Reference(path, "", "", "problems", "diagnostics")
    _add(gathered, reference, Excerpt(given.text))


def _diff(server: CodeFuseServer, desk: Desk, given: Given, gathered: Gathered) -> None:
    """Add what is staged."""
    named = to_fs_path(given.wanted.uri) if given.wanted.uri else None
    folder = Path(named) if named else next(iter(desk.folders), None)
    if folder is None:
        gathered.refused.append("What is staged cannot be told: no folder is open.")
        return
    try:
        staged = staged_diff(
            folder if folder.is_dir() else folder.parent, server.suggester.surroundings.ignore.rule_against
        )
    except StagedUnknown as error:
        gathered.refused.append(str(error))
        return
    gathered.refused += staged.left_out
    if staged.diff:
        _add(gathered, Reference("staged changes", "diff", "", "", "diff"), Excerpt(staged.diff))
    elif not staged.left_out:
        gathered.refused.append("Nothing is staged.")


def _terminal(server: CodeFuseServer, desk: Desk, given: Given, gathered: Gathered) -> None:
    """Add what a terminal showed."""
    text = plain_text(given.text)
    if not text.strip():
        gathered.refused.append("The terminal's output was left out, since none was given.")
        return
    _add(gathered, Reference(given.wanted.name or "terminal", "", "", "output", "terminal"), Excerpt(text))


def _add(gathered: Gathered, reference: Reference, excerpt: Excerpt) -> None:
    stop = len(excerpt.text) if excerpt.stop is None else excerpt.stop
    if stop - excerpt.start > MAX_CHARS:
        excerpt = Excerpt(excerpt.text[: excerpt.start + MAX_CHARS], excerpt.start)
        gathered.refused.append(f"Only the first {MAX_CHARS:,} characters of {reference.name} are read.")
    gathered.found.append((reference, excerpt))


_LOOKING = {
    "file": _lines,
    "selection": _lines,
    "symbol": _symbol,
    "diagnostics": _diagnostics,
    "diff": _diff,
    "terminal": _terminal,
}
