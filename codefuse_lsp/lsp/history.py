"""The chat history as one editor window uses it: each call in a thread, what is wrong with it told, and who answers.

Knows nothing of prompts or the wire.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from codefuse_lsp.conversations import ConversationError, Conversations

MOST_REMEMBERED = 100  # questions whose references are kept whole
ENDING_S = 5.0  # for an answer that was cancelled to be written down
CLOSING_S = 2.0  # for what is being written to come to its end

P = ParamSpec("P")
T = TypeVar("T")


class History:
    """The history, opened by whoever needs it first, which a slow disk may take its time for."""

    def __init__(self, path: Path, tell: Callable[[str], None]) -> None:
        self._path, self._tell = path, tell
        self._opening: asyncio.Task[Conversations] | None = None
        self._told = ""
        self._answering: dict[str, asyncio.Task[object]] = {}  # the newest of each conversation
        self.unfinished: dict[str, Callable[[Conversations], None]] = {}  # answers, and how each is written down
        self._under_way: set[asyncio.Future[Any]] = set()  # what is done in threads
        self._references: OrderedDict[str, Any] = OrderedDict()  # by question

    async def opened(self) -> Conversations:
        """Return the history."""
        if self._opening is None:
            self._opening = asyncio.create_task(asyncio.to_thread(Conversations, self._path))
        conversations = await asyncio.shield(self._opening)
        self._tell_problem(conversations)
        return conversations

    async def do(self, method: Callable[Concatenate[Conversations, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a method of the history in a thread; raises ConversationError.

        It is done to its end, even where nobody waits for it any more.
        """
        conversations = await self.opened()
        try:
            work = asyncio.ensure_future(asyncio.to_thread(method, conversations, *args, **kwargs))
            self._under_way.add(work)
            work.add_done_callback(self._under_way.discard)
            return await asyncio.shield(work)
        finally:
            self._tell_problem(conversations)

    async def knows(self, conversation: str) -> bool:
        """Return whether a conversation can be gone on with: one that may be in a file that is out of reach can."""
        conversations = await self.opened()
        try:
            await self.do(Conversations.summary, conversation)
        except ConversationError:
            return bool(conversations.problem)
        return True

    def remember(self, question: str, references: Any) -> None:
        """Remember a question's references with all their text, which is not written down."""
        self._references[question] = references
        if len(self._references) > MOST_REMEMBERED:
            self._references.popitem(last=False)

    def remembered(self, question: str) -> Any | None:
        """Return what was remembered of a question; None where that was too long ago."""
        return self._references.get(question)

    @asynccontextmanager
    async def answering(self, conversation: str, *, alone: bool) -> AsyncIterator[None]:
        """Hold a conversation while an answer is written in it.

        `alone` raises ConversationError where another one is being written, unless that has been cancelled, which is
        waited for.
        """
        other = self._answering.get(conversation)
        if alone and other is not None and other.cancelling():
            await asyncio.wait({other}, timeout=ENDING_S)
            other = self._answering.get(conversation)
        if alone and other is not None:
            raise ConversationError(
                "An answer is being written in this conversation: wait for it, stop it, or ask after an earlier turn."
            )
        task = asyncio.current_task()
        assert task is not None
        self._answering[conversation] = task
        try:
            yield
        finally:
            if self._answering.get(conversation) is task:
                del self._answering[conversation]

    async def close(self) -> None:
        """Write down what is being said, and close the history, if it was opened."""
        if self._opening is not None and self._opening.done() and not self._opening.cancelled():
            if self._under_way:  # an earlier write must not come after the last one
                await asyncio.wait(self._under_way, timeout=CLOSING_S)
            await asyncio.to_thread(self._close, self._opening.result())

    def _close(self, conversations: Conversations) -> None:
        for write in list(self.unfinished.values()):
            write(conversations)
        conversations.close()

    def _tell_problem(self, conversations: Conversations) -> None:
        if conversations.problem and conversations.problem != self._told:
            self._told = conversations.problem
            self._tell(conversations.problem)
