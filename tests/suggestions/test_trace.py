from __future__ import annotations

from dataclasses import replace
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


def test_what_the_user_did_with_a_suggestion_is_kept_with_it(tmp_path: Path) -> None:
    kept = Trace(tmp_path / "why.jsonl")
    for number in (1, 2):
        kept.add(record(number))
    kept.save()
    kept.met("id1", "seen")
    kept.met("id1", "partly", 4)
    kept.met("another", "accepted")
    kept.save()
    told = trace.read(tmp_path / "why.jsonl", 10)
    assert [(one.id, one.fate, one.accepted_length) for one in told] == [("id1", "partly", 4), ("id2", "", 0)]


def test_one_of_several_that_was_taken_is_kept_with_those_it_was_shown_with() -> None:
    kept = Trace()
    kept.add(replace(record(1), others=("id2", "id3")))
    kept.met("id3", "accepted")
    assert kept.records[0].fate == "accepted"


def test_what_was_taken_in_part_is_not_rejected_when_the_rest_goes() -> None:
    kept = Trace()
    kept.add(record(1))
    kept.met("id1", "partly", 6)
    kept.met("id1", "rejected")
    kept.met("id1", "partly", 2)
    assert (kept.records[0].fate, kept.records[0].accepted_length) == ("partly", 6)
    kept.met("id1", "accepted")
    assert kept.records[0].fate == "accepted"
