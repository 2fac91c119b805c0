"""One task a key: a newer one ends its elder. For requests that the next keystroke makes pointless."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Latest:
    """The running task of each key."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[Any]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    async def run(self, key: str, work: Coroutine[Any, Any, T]) -> T | None:
        """Return the result of `work`, or None when a newer one for the same key ended it.

        The caller's own cancellation ends the work and is passed on.
        """
        if older := self._tasks.get(key):
            older.cancel()
        task: asyncio.Task[T] = asyncio.ensure_future(work)
        self._tasks[key] = task
        try:
            return await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
            return None
        finally:
            if self._tasks.get(key) is task:
                del self._tasks[key]

    def end(self, key: str) -> None:
        """End what runs for a key, whose result nobody wants any more: whoever waits gets None."""
        if task := self._tasks.get(key):
            task.cancel()
