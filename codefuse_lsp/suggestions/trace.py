"""Why there was a suggestion, or none: the last requests, in memory and in a small file of the user's.

Reasons, sizes and times only; never a character of code.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

FILE_NAME = "why.jsonl"
KEPT = 100  # records
LARGEST_FILE_BYTES = 128 << 10  # about 600 records; then only the kept ones stay

Fate = Literal["", "seen", "rejected", "partly", "accepted"]  # as far as the editor tells; each outdoes those before
FATES: tuple[Fate, ...] = ("", "seen", "rejected", "partly", "accepted")


@dataclass(frozen=True, slots=True)
class Record:
    """What became of one request for ghost text."""

    id: str
    time: float  # seconds since 1970
    file: str  # name without its folder
    line: int  # 1-based
    outcome: str  # "shown", or the name of the gate or filter that ended it
    detail: str = ""  # a sentence for the user
    total_ms: float = 0.0
    first_token_ms: float | None = None
    prompt_tokens: int = 0
    cached_tokens: int = 0
    generated_tokens: int = 0
    source: str = ""  # who was asked: the model, a running answer, or the cache; "" where nobody was
    own_ms: float = 0.0  # without waiting for the model or for the next keystroke
    waited_ms: float = 0.0  # for the next keystroke
    looked_ms: float = 0.0  # round the cursor
    model_ms: float = 0.0  # for the model, the way there and back included
    fitted_ms: float = 0.0  # through the filters
    filters: tuple[str, ...] = ()  # that took something away
    fate: Fate = ""  # of what was shown
    others: tuple[str, ...] = ()  # ids of what was shown beside it
    accepted_length: int = 0  # UTF-16 units that were taken of it, where that was not all


class Trace:
    """The last records; `path` is where they are kept for `codefuse-lsp why`, None keeps them in memory only."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.records: deque[Record] = deque(maxlen=KEPT)
        self._unsaved: list[Record] = []

    def add(self, record: Record) -> None:
        """Remember a record; `save` puts it into the file."""
        self.records.append(record)
        self._unsaved = [*self._unsaved[-KEPT:], record]

    def met(self, suggestion_id: str, fate: Fate, accepted_length: int = 0) -> None:
        """Remember what the user did with a suggestion, if it is one of the last."""
        for index, record in enumerate(self.records):
            if suggestion_id in (record.id, *record.others) and FATES.index(fate) >= FATES.index(record.fate):
                longer = max(accepted_length, record.accepted_length)
                self.records[index] = replace(record, fate=fate, accepted_length=longer)
                self._unsaved = [*self._unsaved[-KEPT:], self.records[index]]

    def save(self) -> None:
        """Append the new records to the file, which only its owner can read; may wait for the disk.

        A disk that refuses is no reason to fail: then the records stay in memory only.
        """
        new, self._unsaved = self._unsaved, []
        if self._path is None or not new:
            return
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.touch(mode=0o600)
            if self._path.stat().st_size > LARGEST_FILE_BYTES:
                self._path.write_text(_lines(list(self.records)), "utf-8")
            else:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(_lines(new))
        except OSError:
            self._path = None


def read(path: Path, count: int) -> list[Record]:
    """Return the last `count` records of a file; lines that cannot be read are passed over.

    A request has another line for each thing that was learnt of it later.
    """
    records: dict[str, Record] = {}
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    for line in lines:
        try:
            record = Record(**json.loads(line))
        except (ValueError, TypeError):
            continue
        records[record.id] = record
    return list(records.values())[-count:]


def _lines(records: Iterable[Record]) -> str:
    return "".join(json.dumps(asdict(record)) + "\n" for record in records)
