"""Stock of a small shop."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Generic, TypeVar

T = TypeVar("T")
PRICE = re.compile(r"(\d+)[.,](\d{2})")


@dataclass
class Item:
    """One thing on the shelf.

    Attributes:
        name: what the label says.
    """

    name: str
    cents: int = 0
    tags: list[str] = field(default_factory=list)

    @property
    def label(self) -> str:
        return f"{self.name} ({self.cents / 100:.2f} €)"

    @classmethod
    def parse(cls, line: str) -> Item:
        """Read a line of the price list.

        Args:
            line: such as `Tea 3,20`.

        Raises:
            ValueError: where there is no price.
        """
        found = PRICE.search(line)
        if found is None:
            raise ValueError(f"no price in {line!r}")
        return cls(line[: found.start()].strip(), int(found[1]) * 100 + int(found[2]))


class Shelf(Generic[T]):
    def __init__(self, capacity: int = 8) -> None:
        self._items: list[T] = []
        self.capacity = capacity

    def __iter__(self) -> Iterator[T]:
        yield from self._items

    def put(
        self,
        item: T,
        *,
        at: int | None = None,
    ) -> bool:
        # a full shelf refuses, it never grows
        if len(self._items) >= self.capacity:
            return False
        if at is None:
            self._items.append(item)
        else:
            self._items.insert(at, item)
        return True

    @contextmanager
    def locked(self) -> Iterator[list[T]]:
        items, self._items = self._items, []
        try:
            yield items
        finally:
            self._items = items


@lru_cache(maxsize=32)
def query(table: str, limit: int = 10) -> str:
    """SQL for the newest rows."""
    return f"""
        SELECT *
        FROM {table}
          ORDER BY created DESC
        LIMIT {limit}
    """


async def restock(shelves: list[Shelf[Item]], delay: float = 0.0) -> int:
    count = 0
    for shelf in shelves:
        async with asyncio.timeout(5):
            await asyncio.sleep(delay)
        count += sum(1 for item in shelf if item.cents > 0 and not any(tag.startswith("old") for tag in item.tags))
    return count


def grouped(items: list[Item]) -> dict[str, list[Item]]:
    def first_letter(item: Item) -> str:
        return item.name[:1].upper() or "?"

    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(first_letter(item), []).append(item)
    return {letter: sorted(group, key=lambda one: one.cents) for letter, group in found.items()}


def naïve_total(items: list[Item]) -> int:
    größe = 0  # 合計 in cents 🙂
    for item in items:
        größe += item.cents
    return größe
