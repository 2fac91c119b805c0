"""What is known round a cursor before a model is asked: how much is wanted, what may help, and nothing secret.

An `Asked` in; a frozen `Prepared` out, and of it only what is `Shown` to a model. Owns the trees, the sources and their
memory; blocks for up to the deadline of the sources, so it is called in a thread of its own. Knows nothing of prompts
or models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from secrets import token_bytes

from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.context.gather import Gatherer
from codefuse_lsp.context.ignore import Ignore
from codefuse_lsp.context.imports import Imports
from codefuse_lsp.context.intent import Amount, Intent, intent_at
from codefuse_lsp.context.nearby import Nearby
from codefuse_lsp.context.neighbours import Neighbours
from codefuse_lsp.context.recent import Recent
from codefuse_lsp.context.scopes import Scopes
from codefuse_lsp.context.secrets import KEY_BYTES, Excerpt, Redacted, machine_key, redact_excerpts, redact_prompt
from codefuse_lsp.context.signatures import Signatures
from codefuse_lsp.context.snippets import Cursor, Document, Snippet, Source
from codefuse_lsp.context.trees import SyntaxAt, Trees
from codefuse_lsp.suggestions.asked import Asked
from codefuse_lsp.suggestions.filters import Place

DEADLINE_S = 0.1  # for all sources together; Continue and Copilot give 100 and 150 ms
SHARES = {"imports": 0.2, "scopes": 0.2, "signatures": 0.4, "edits": 0.3, "views": 0.2, "neighbours": 0.4}  # at most


@dataclass(frozen=True, slots=True)
class Shown:
    """What a prompt is made of: code with placeholders for secrets."""

    context: CursorContext
    snippets: tuple[Snippet, ...] = ()
    in_secret: bool = False  # the cursor stands in one
    restorations: Mapping[str, str] = field(default_factory=dict)  # placeholder -> secret


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was found round a cursor, as it stands there, and what of it may be shown."""

    intent: Intent
    syntax: SyntaxAt | None
    snippets: tuple[Snippet, ...]
    shown: Shown
    forbidden: str = ""  # the rule by which the document is never read, in a sentence

    def place_at(self, context: CursorContext) -> Place:
        """Return where a text is to stand at this cursor, and how much of it is wanted."""
        return Place(context, block=self.intent.is_block, opens=self.intent.may_open)


class Surroundings:
    """One editor window's documents, as far as they may be read. `prepare` is for one thread at a time."""

    def __init__(
        self,
        folders: Iterable[str | Path] = (),
        ignored: Sequence[str] = (),
        languages_off: Sequence[str] = (),
        *,
        open_documents: Callable[[], Sequence[Document]] = tuple,
        key_folder: Path | None = None,
    ) -> None:
        """`open_documents` may be called in any thread; `key_folder` keeps the key that placeholders are made with."""
        self._folders = [Path(folder) for folder in folders]
        self._rules = (tuple(ignored), tuple(languages_off))
        self.ignore = Ignore(self._folders, *self._rules)
        self.edits, self.views = Recent("edits", self._open), Recent("views", self._open)
        self._open_documents = open_documents
        self._key_folder = key_folder
        self._trees = Trees()
        self._nearby = Nearby(self._may_read)
        self._gatherer = Gatherer()
        self._sources = self._all_sources()

    def prepare(self, asked: Asked, snippet_chars: int) -> Prepared:
        """Return what is known round a cursor, with at most `snippet_chars` of other code; takes `DEADLINE_S` or so."""
        context = asked.context
        if rule := self.ignore.reason(context.path, context.language):
            return Prepared(Intent(Amount.NONE), None, (), Shown(context), rule)
        syntax = self._trees.at(context.uri, context.language, asked.lines, asked.line, asked.column)
        intent = intent_at(
            context, syntax, invoked=asked.invoked, extends_popup=asked.extends_popup, lines=len(asked.lines)
        )
        if intent.reason:
            return Prepared(intent, syntax, (), Shown(context))
        snippets = self._gatherer.gather(
            asked.cursor, self._sources, budget_chars=snippet_chars, shares=SHARES, deadline_s=DEADLINE_S
        )
        return Prepared(intent, syntax, snippets, self.shown(context, snippets))

    def shown(self, context: CursorContext, snippets: Sequence[Snippet]) -> Shown:
        """Return code as a model may read it."""
        redacted = redact_prompt(context.prefix, context.suffix, [snippet.text for snippet in snippets], self._key)
        return Shown(
            replace(context, prefix=redacted.prefix, suffix=redacted.suffix),
            tuple(replace(s, text=t) for s, t in zip(snippets, redacted.others, strict=True)),
            redacted.inside,
            redacted.restorations,
        )

    def redacted(self, excerpts: Sequence[Excerpt]) -> list[Redacted]:
        """Return pieces of text as a model may read them; may read a file, so it is called in a thread."""
        return redact_excerpts(excerpts, self._key)

    def obey(self, ignored: Sequence[str], languages_off: Sequence[str]) -> None:
        """Read no more than these settings allow, from now on."""
        if (tuple(ignored), tuple(languages_off)) != self._rules:
            self._rules = (tuple(ignored), tuple(languages_off))
            self.ignore = Ignore(self._folders, *self._rules)
            self._gatherer.forget_all()

    def open_folders(self, folders: Iterable[str | Path]) -> None:
        """Read in these folders and no others, from now on; for the thread that prepares."""
        self._folders = [Path(folder) for folder in folders]
        self.ignore = Ignore(self._folders, *self._rules)
        self._nearby = Nearby(self._may_read)
        self._sources = self._all_sources()
        self._gatherer.forget_all()

    def closed(self, uri: str, path: str) -> None:
        """Forget a document."""
        self._trees.forget(uri)
        self._gatherer.forget(uri)
        self.edits.closed(path)
        self.views.closed(path)

    def close(self) -> None:
        """Let go of the threads."""
        self._gatherer.close()

    def _all_sources(self) -> tuple[Source, ...]:
        signatures, neighbours = Signatures(self._folders, self._may_read), Neighbours(self._neighbours)
        return Imports(), Scopes(), signatures, self.edits, neighbours, self.views

    @cached_property
    def _key(self) -> bytes:
        return machine_key(self._key_folder) if self._key_folder else token_bytes(KEY_BYTES)

    def _may_read(self, path: Path) -> bool:
        return self.ignore.reason_unasked(path) is None

    def _open(self, path: str) -> Document | None:
        found = next((document for document in self._open_documents() if document.path == path), None)
        return found if found is not None and self._is_readable(found) else None

    def _is_readable(self, document: Document) -> bool:
        return self.ignore.reason(document.path, document.language) is None

    def _neighbours(self, cursor: Cursor, deadline: float) -> Sequence[Document]:
        """Return the document itself, the open ones, and files of its folder that are not open."""
        opened = filter(self._is_readable, self._open_documents())
        found = {document.path: document for document in (cursor.document, *opened)}
        for document in self._nearby.documents(cursor, deadline):
            found.setdefault(document.path, document)
        return list(found.values())
