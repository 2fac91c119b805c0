"""What is offered at a place, at once and without the model: which actions fit there, and for what.

A document and a range in; `Offer`s out. Looks at the disk and parses, so it runs in a thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lsprotocol import types

from codefuse_lsp.context.doc_comments import doc_place
from codefuse_lsp.context.identifiers import identifier_at
from codefuse_lsp.context.syntax import enclosing_definition
from codefuse_lsp.lsp.actions.committing import LANGUAGES as MESSAGES
from codefuse_lsp.lsp.actions.table import ACTIONS, Action, Where
from codefuse_lsp.lsp.actions.told import overlapping
from codefuse_lsp.lsp.document import Document
from codefuse_lsp.lsp.protocol.actions import Target
from codefuse_lsp.lsp.selection import selection_of, text_of
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.prompts.languages import display_name

LARGEST_PARSED_CHARS = 200_000  # of a document that is parsed at every move of a cursor; 20 ms
MOST_TITLE_CHARS = 60  # of a diagnostic's message, or of a name
MESSAGE_FILE = "COMMIT_EDITMSG"


@dataclass(frozen=True, slots=True)
class Offer:
    """An action for a target, and its whole title."""

    action: Action
    title: str
    target: Target
    makes_edit: bool


def offers(
    server: CodeFuseServer,
    document: Document,
    range: types.Range,
    context: types.CodeActionContext,
    languages: Sequence[str],
) -> list[Offer]:
    """Return what is offered, as far as its kind is wanted; `document` is frozen, `languages` can be translated to."""
    is_message = (document.language_id or "") in MESSAGES or document.uri.endswith(f"/{MESSAGE_FILE}")
    wanted = [action for action in ACTIONS if is_wanted(action.kind, context.only)]
    fitting = [action for action in wanted if (action.where is Where.MESSAGES) == is_message]
    if not fitting or not (is_message or may_be_told(server, document)):
        return []
    given = Target(document.uri, range, document.version)
    return [offer for action in fitting for offer in _offers_of(server, action, document, given, context, languages)]


def may_be_told(server: CodeFuseServer, document: Document) -> bool:
    """Return whether a document holds something, and nothing that must not be told."""
    return any(line.strip() for line in document.lines) and server.rule_against(document) is None


def is_wanted(kind: str, only: Sequence[str] | None) -> bool:
    """Whether the client's filter lets a kind through: itself, or anything above it."""
    return only is None or any(f"{kind}.".startswith(f"{getattr(root, 'value', root)}.") or not root for root in only)


def _offers_of(
    server: CodeFuseServer,
    action: Action,
    document: Document,
    given: Target,
    context: types.CodeActionContext,
    languages: Sequence[str],
) -> Iterator[Offer]:
    if action.where is Where.OWN:
        yield from _own(server, action, document, given, context)
    elif action.where is Where.PROGRAMS:
        for language in languages:
            title = f"{action.title} {display_name(language)}"
            yield _offer(action, title, given, detail=language)
    elif action.where is Where.PROBLEMS:
        found = overlapping(context.diagnostics, given.range)
        if found:
            yield _offer(action, _fix_title(action, found), given, diagnostics=found)
    elif action.where is Where.NAMES:
        if name := _name_at(document, given.range):
            yield _offer(action, f"{action.title} {name[:MOST_TITLE_CHARS]}", given)
    elif (action.where is not Where.FILES or server.notebook(document) is None) and (
        action.where is not Where.DEFINITIONS or _is_documentable(server, document, given)
    ):
        yield _offer(action, action.title, given)


def _offer(
    action: Action,
    title: str,
    given: Target,
    detail: str | None = None,
    diagnostics: Sequence[types.Diagnostic] | None = None,
    *,
    makes_edit: bool | None = None,
) -> Offer:
    target = Target(given.uri, given.range, given.version, action.name, detail, diagnostics)
    return Offer(action, f"CodeFuse: {title}", target, action.edit is not None if makes_edit is None else makes_edit)


def _own(
    server: CodeFuseServer, action: Action, document: Document, given: Target, context: types.CodeActionContext
) -> Iterator[Offer]:
    found = overlapping(context.diagnostics, given.range) or None
    for own in list(server.own_actions):
        if not own.languages or document.language_id in own.languages:
            yield _offer(action, own.name, given, own.name, found, makes_edit=own.answer != "show")


def _fix_title(action: Action, found: Sequence[types.Diagnostic]) -> str:
    if len(found) > 1:
        return f"{action.title} {len(found)} problems"
    message = found[0].message if isinstance(found[0].message, str) else found[0].message.value
    said = " ".join(message.split())
    return f"{action.title}: {said if len(said) <= MOST_TITLE_CHARS else said[: MOST_TITLE_CHARS - 1] + '…'}"


def _name_at(document: Document, range: types.Range) -> str:
    """Return the name that the cursor is on, or that is selected; '' for a longer selection and a large document."""
    if range.start.line != range.end.line or _is_large(document):
        return ""
    start, end = document.point(range.start), document.point(range.end)
    found = identifier_at(text_of(document), document.language_id or "", start.line, start.column)
    return found.name if found is not None and end.column <= found.stop else ""


def _is_documentable(server: CodeFuseServer, document: Document, given: Target) -> bool:
    """Whether there is a definition to document; of a large document that is found out when it is asked for."""
    if _is_large(document):
        return True
    text, language = text_of(document), document.language_id or ""
    if given.range.start == given.range.end:
        span = enclosing_definition(text, language, document.point(given.range.start).line)
        return span is not None and doc_place(text, language, span) is not None
    return doc_place(text, language, selection_of(server, document, given).span) is not None


def _is_large(document: Document) -> bool:
    return sum(map(len, document.lines)) > LARGEST_PARSED_CHARS
