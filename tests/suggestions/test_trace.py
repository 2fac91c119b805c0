from __future__ import annotations

from pathlib import Path

import pytest

from codefuse_lsp.suggestions import trace
from codefuse_lsp.suggestions.trace import KEPT, Record, Trace


def record(number: int) -> Record:
    return Record(f"id{number}", 1.0, "a.py", number, "too slow", "No text came.", 12.5)


def test_records_come_back_from_the_file_newest_last(tmp_path: Path) -> None:
    path = tmp_path / "data" / "why.jsonl"
    kept = Trace(path)
    for number in range(5):
        kept.add(record(number))
        kept.save()
    assert [item.line for item in trace.read(path, 3)] == [2, 3, 4]
    assert path.stat().st_mode & 0o077 == 0


def test_memory_and_file_stay_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "LARGEST_FILE_BYTES", 10_000)
    path = tmp_path / "why.jsonl"
    kept = Trace(path)
    for number in range(3 * KEPT):
        kept.add(record(number))
        kept.save()
    assert len(kept.records) == KEPT
    assert len(path.read_text().splitlines()) <= 2 * KEPT
    assert trace.read(path, 1)[0].line == 3 * KEPT - 1


def test_broken_lines_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "why.jsonl"
    kept = Trace(path)
    kept.add(record(1))
    kept.save()
    path.write_text(path.read_text() + "{broken\n[]\n")
    kept.add(record(2))
    kept.save()
    assert [item.line for item in trace.read(path, 10)] == [1, 2]
    assert trace.read(tmp_path / "none", 10) == []


def test_a_disk_that_refuses_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    kept = Trace(tmp_path / "file" / "why.jsonl")
    for number in range(2):
        kept.add(record(number))
        kept.save()
    assert len(kept.records) == 2


def test_an_accepted_suggestion_is_counted_once_it_is_known() -> None:
    kept = Trace()
    kept.add(record(1))
    kept.accept("id1")
    kept.accept("another")
    assert kept.accepted == 1
