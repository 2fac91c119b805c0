"""Two desks to type at: an editor with the real server process, and a suggester in this process.

Keystrokes in, ghost text out, as `typist.Desk` says. At the second, one part of the suggester may be replaced by one
that does nothing, to see what the part is good for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from codefuse_lsp.config import snake_case
from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.context.snippets import Document
from codefuse_lsp.evaluation.bench.keystrokes import Key, Passage
from codefuse_lsp.evaluation.bench.typist import Record
from codefuse_lsp.evaluation.editor import Editor, EditorError, inline_params
from codefuse_lsp.suggestions.asked import asked_at
from codefuse_lsp.suggestions.cache import AnswerCache, Hit
from codefuse_lsp.suggestions.debounce import Debounce, Moment
from codefuse_lsp.suggestions.filters import Place
from codefuse_lsp.suggestions.outcome import Suggestion
from codefuse_lsp.suggestions.pipeline import Suggester
from codefuse_lsp.suggestions.stream import RunningAnswers, Stream
from codefuse_lsp.suggestions.trace import KEPT


@dataclass(slots=True)
class _Text:
    """A document with a cursor in it; `before` ends where the typing goes on."""

    uri: str
    before: str
    after: str
    version: int = 1

    def change(self, key: Key) -> None:
        self.before = self.before[: len(self.before) - key.erased] + key.text
        self.version += 1

    @property
    def place(self) -> tuple[int, int]:
        """Line and column of the cursor, both from 0."""
        return self.before.count("\n"), len(self.before) - self.before.rfind("\n") - 1


class EditorDesk:
    """A window of the headless editor: each key is a `didChange` and a request, and cancels the last one."""

    def __init__(self, editor: Editor, root: Path) -> None:
        self._editor, self._root = editor, root
        self._text: _Text
        self._pending: tuple[int, asyncio.Future[Any]] | None = None

    async def open(self, passage: Passage) -> None:
        """Open a document of the workspace."""
        path = self._root / f"{passage.name}.py"
        path.write_text(passage.before + passage.after, "utf-8")
        self._text = _Text(path.as_uri(), passage.before, passage.after)
        self._editor.open(self._text.uri, "python", passage.before + passage.after)

    def press(self, key: Key) -> Awaitable[str | None]:
        """Send what an editor sends for a key."""
        if self._pending is not None and not self._pending[1].done():
            self._editor.cancel(self._pending[0])
        line, column = self._text.place
        self._text.change(key)
        self._editor.replace(self._text.uri, self._text.version, line, column - key.erased, column, key.text)
        line, column = self._text.place
        self._pending = self._editor.ask("textDocument/inlineCompletion", inline_params(self._text.uri, line, column))
        return _inserted(self._pending[1])

    async def records(self) -> list[Record]:
        """Ask the server why."""
        told = await self._editor.request("codefuse/whyNoSuggestion", {"count": KEPT})
        records = [{snake_case(name): value for name, value in record.items()} for record in told]
        return [record for record in records if record["file"] == Path(self._text.uri).name]


async def _inserted(answer: asyncio.Future[Any]) -> str | None:
    try:
        found = await answer
    except EditorError:  # that it was cancelled
        return None
    return str(found["items"][0]["insertText"]) if found else None


class SuggesterDesk:
    """A suggester without its language server."""

    def __init__(self, suggester: Suggester, root: Path, documents: list[Document]) -> None:
        """`documents` is where the suggester looks for what is open."""
        self._suggester, self._root, self._documents = suggester, root, documents
        self._text: _Text
        self._task: asyncio.Task[str | None] | None = None

    async def open(self, passage: Passage) -> None:
        """Open a document beside those that are open already."""
        path = self._root / f"{passage.name}.py"
        path.write_text(passage.before + passage.after, "utf-8")
        self._text = _Text(path.as_uri(), passage.before, passage.after)
        self._documents.append(self._snapshot())
        await self._suggester.calibrate(lambda: (passage.before[-4000:] + passage.after)[:8000])
        line, column = self._text.place
        await self._suggester.warm_up(self._asked(line, column))

    def press(self, key: Key) -> Awaitable[str | None]:
        """Cancel the last question and ask the next."""
        if self._task is not None:
            self._task.cancel()
        self._text.change(key)
        self._documents[-1] = self._snapshot()
        line, column = self._text.place
        path = self._documents[-1].path
        self._suggester.surroundings.edits.touched(path, line, line + 1, asyncio.get_running_loop().time())
        self._task = asyncio.create_task(self._ask(line, column))
        return self._task

    async def records(self) -> list[Record]:
        """Look into the trace."""
        name = Path(self._text.uri).name
        return [asdict(record) for record in self._suggester.trace.records if record.file == name]

    async def _ask(self, line: int, column: int) -> str | None:
        found = await self._suggester.suggest(self._asked(line, column))
        return found.text if isinstance(found, Suggestion) else None

    def _asked(self, line: int, column: int) -> Any:
        document = self._documents[-1]
        return asked_at(
            document.lines, line, column, uri=self._text.uri, path=document.path, language="python",
            version=self._text.version, budget_chars=self._suggester.budget_chars,
        )  # fmt: skip

    def _snapshot(self) -> Document:
        lines = (self._text.before + self._text.after).splitlines(keepends=True)
        path = str(self._root / Path(self._text.uri).name)
        return Document(path, "python", self._text.version, tuple(lines))


class NoDebounce(Debounce):
    """Asks at once, whoever is typing."""

    def delay(self, moment: Moment, waited: float = 0.0) -> float:
        """Return no time."""
        return 0.0


class NoCache(AnswerCache):
    """Forgets every answer."""

    def store(self, place: Place, text: str, *, now: float) -> None:
        """Keep nothing."""

    def find(self, context: CursorContext, *, now: float) -> Hit | None:
        """Find nothing."""
        return None


class NoTakingOver(RunningAnswers):
    """Begins a new answer at each question."""

    def at(self, context: CursorContext) -> Stream | None:
        """Find none that goes on."""
        return None
