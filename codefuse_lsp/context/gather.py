"""The snippets that go into a prompt: all sources asked at once, the best that fit chosen, in an order that stays.

Input: a cursor, sources, a budget and a deadline. Output: snippets. A source that is late is not waited for; what it
said last for the same document stands until it says something else. No source reads the line that is being typed, so
none is asked again while nothing else changes. Between other keystrokes the choice stays as it is unless something
clearly better turns up, because a prompt's head is only read again if it changed. Knows nothing of prompts.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from queue import SimpleQueue

from codefuse_lsp.context.similarity import line_similarity
from codefuse_lsp.context.snippets import Cursor, Snippet, Source

log = logging.getLogger(__name__)

TOO_SIMILAR = 0.5  # to the cursor's own place: it "distorts the completion to repeat" (llama.vim, autoload/llama.vim)
DUPLICATE = 0.9  # to a snippet that is chosen already (ditto)
STEADY = 1.3  # what stands in the prompt counts for this much more than what does not
LINES_BEFORE, LINES_AFTER = 30, 15  # of the cursor's own place
MIN_LINES = 2  # a snippet is not cut shorter than this
MAX_DOCUMENTS = 32  # whose choices are remembered
RECHECK_S = 2.0  # a change elsewhere, on disk or in what was only half read by a deadline, is seen this late at most


@dataclass(slots=True)
class _Memory:
    """What was said and chosen for one document."""

    said: dict[str, Sequence[Snippet]] = field(default_factory=dict)  # by source
    chosen: tuple[Snippet, ...] = ()


@dataclass(frozen=True, slots=True)
class _Question:
    """All that the sources are asked about: the document but for the cursor's own line, and what the window shows."""

    path: str
    above: Sequence[str]
    below: Sequence[str]
    window: range
    budget_chars: int


class Gatherer:
    """Asks sources, and remembers for each document what it chose. Not to be called by two threads at once."""

    def __init__(self) -> None:
        self._threads: dict[str, _Thread] = {}  # by source
        self._memory: OrderedDict[str, _Memory] = OrderedDict()
        self._answered: _Question | None = None  # the last one, if every source answered it in time
        self._answered_s = 0.0

    def gather(
        self,
        cursor: Cursor,
        sources: Sequence[Source],
        *,
        budget_chars: int,
        shares: Mapping[str, float],
        deadline_s: float = 0.1,
    ) -> tuple[Snippet, ...]:
        """Return what to tell the model, at most `budget_chars` of it; takes `deadline_s` seconds at most.

        `shares` is source name -> its part of the budget, from 0 to 1; what one leaves is there for the others, in the
        order of `sources`.
        """
        memory, now = self._remembered(cursor.window.uri), time.monotonic()
        question = _question(cursor, budget_chars)
        if question == self._answered and now - self._answered_s < RECHECK_S:
            return memory.chosen
        asked = self._ask(cursor, sources, now + deadline_s)
        left = wait(asked.values(), timeout=deadline_s).not_done
        self._answered, self._answered_s = (None if left or len(asked) < len(sources) else question), now
        for name, future in asked.items():
            if future.done():
                memory.said[name] = _answer(name, future)
        said = [(source.name, memory.said.get(source.name, ())) for source in sources]
        memory.chosen = chosen(cursor, said, memory.chosen, budget_chars, shares)
        return memory.chosen

    def forget(self, uri: str) -> None:
        """Drop what is remembered for a document that was closed."""
        self._memory.pop(uri, None)
        self._answered = None

    def forget_all(self) -> None:
        """Drop what is remembered, when files that it came from may no more be read."""
        self._memory.clear()
        self._answered = None

    def close(self) -> None:
        """Let go of the threads; what is running is not waited for."""
        for thread in self._threads.values():
            thread.close()
        self._threads.clear()

    def _remembered(self, uri: str) -> _Memory:
        memory = self._memory.setdefault(uri, _Memory())
        self._memory.move_to_end(uri)
        if len(self._memory) > MAX_DOCUMENTS:
            self._memory.popitem(last=False)
        return memory

    def _ask(self, cursor: Cursor, sources: Sequence[Source], deadline: float) -> dict[str, Future[Sequence[Snippet]]]:
        """Start the sources; one that is still at an earlier question is left alone."""
        asked = {}
        for source in sources:
            if source.name not in self._threads:
                self._threads[source.name] = _Thread(source.name)
            if (future := self._threads[source.name].ask(source, cursor, deadline)) is not None:
                asked[source.name] = future
        return asked


class _Thread:
    """Where one source looks for its answers, one question at a time. It never keeps the process from ending."""

    def __init__(self, name: str) -> None:
        self._questions: SimpleQueue[tuple[Future[Sequence[Snippet]], Source, Cursor, float] | None] = SimpleQueue()
        self._current: Future[Sequence[Snippet]] | None = None
        threading.Thread(target=self._serve, name=f"context {name}", daemon=True).start()

    def ask(self, source: Source, cursor: Cursor, deadline: float) -> Future[Sequence[Snippet]] | None:
        """Return the answer to come; None while the source is at an earlier question."""
        if self._current is not None and not self._current.done():
            return None
        self._current = Future()
        self._questions.put((self._current, source, cursor, deadline))
        return self._current

    def close(self) -> None:
        """End the thread once it has answered what it was asked."""
        self._questions.put(None)

    def _serve(self) -> None:
        while (question := self._questions.get()) is not None:
            future, source, cursor, deadline = question
            try:
                future.set_result(source.find(cursor, deadline))
            except Exception as error:  # of any source: the others must go on
                future.set_exception(error)
            del question, cursor  # a whole document


def chosen(
    cursor: Cursor,
    said: Sequence[tuple[str, Sequence[Snippet]]],
    before: Sequence[Snippet],
    budget_chars: int,
    shares: Mapping[str, float],
) -> tuple[Snippet, ...]:
    """Return the best snippets that fit: first those that were there `before`, in their order, then the new ones."""
    ranks = {snippet.identity: rank for rank, snippet in enumerate(before)}
    place = _place(cursor)
    picked: list[Snippet] = []
    left_over: list[Snippet] = []
    for name, snippets in said:
        share_chars = int(budget_chars * shares.get(name, 0.0))
        fitting = [c for s in snippets if (c := _cut(s, share_chars)) is not None]
        fitting = [s for s in fitting if _is_news(s, cursor, place, known=s.identity in ranks)]
        fitting.sort(key=lambda s: (-s.score * (STEADY if s.identity in ranks else 1), s.path, s.start_line))
        left_over += _take(fitting, share_chars, picked)
    spare_chars = budget_chars - sum(len(s.text) for s in picked)
    left_over.sort(key=lambda s: s.identity not in ranks)  # stable: otherwise in the order of the sources
    _take(left_over, spare_chars, picked)
    return tuple(sorted(picked, key=lambda s: ranks.get(s.identity, len(ranks))))


def _take(snippets: Iterable[Snippet], room_chars: int, picked: list[Snippet]) -> list[Snippet]:
    """Add to `picked` what fits and is not there already; return what did not fit."""
    left: list[Snippet] = []
    for snippet in snippets:
        if any(_are_alike(snippet, other) for other in picked):
            continue
        if len(snippet.text) > room_chars:
            left.append(snippet)
            continue
        picked.append(snippet)
        room_chars -= len(snippet.text)
    return left


def _question(cursor: Cursor, budget_chars: int) -> _Question:
    lines, line = cursor.document.lines, cursor.line  # compared by identity first: a keystroke makes few new lines
    return _Question(cursor.window.path, lines[:line], lines[line + 1 :], cursor.window_lines, budget_chars)


def _answer(name: str, future: Future[Sequence[Snippet]]) -> Sequence[Snippet]:
    error = future.exception()
    if error is None:
        return future.result()
    log.warning("the context source %s failed: %s", name, type(error).__name__)  # its text may be the user's code
    return ()


def _place(cursor: Cursor) -> str:
    """Return the lines round the cursor, without its own, which changes with each keystroke."""
    before = cursor.window.prefix.split("\n")[:-1]
    after = cursor.window.suffix.split("\n")[1:]
    return "\n".join(before[-LINES_BEFORE:] + after[:LINES_AFTER])


def _is_news(snippet: Snippet, cursor: Cursor, place: str, *, known: bool) -> bool:
    """Return whether a snippet tells more than what the window shows."""
    if not snippet.text.strip():
        return False
    if snippet.path == cursor.window.path and _overlap(snippet.lines, cursor.window_lines):
        return False
    limit = TOO_SIMILAR * (STEADY if known else 1)
    return line_similarity(snippet.text, place) <= limit


def _are_alike(one: Snippet, other: Snippet) -> bool:
    if one.path == other.path and one.source == other.source and _overlap(one.lines, other.lines):
        return True
    shorter, longer = sorted((one.text, other.text), key=len)
    return shorter.strip() in longer or line_similarity(shorter, longer) > DUPLICATE


def _overlap(one: range, other: range) -> bool:
    return one.start < other.stop and other.start < one.stop


def _cut(snippet: Snippet, room_chars: int) -> Snippet | None:
    """Return a snippet cut to whole lines that fit; None where hardly any would be left."""
    if len(snippet.text) <= room_chars:
        return snippet
    text = snippet.text[: snippet.text.rfind("\n", 0, max(room_chars, 0)) + 1]
    return replace(snippet, text=text) if text.count("\n") >= MIN_LINES else None
