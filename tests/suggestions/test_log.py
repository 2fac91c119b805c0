from __future__ import annotations

import stat
from pathlib import Path

import pytest

from codefuse_lsp.suggestions import log
from codefuse_lsp.suggestions.log import Given, RequestLog, Said, find


def said(name: str, size: int = 10) -> Said:
    given = Given("python", "\n", "f(x", ")\n", False, "x", ", y)", ")", True, False)
    return Said(name, "p" * size, " ", "written", "shown", (("drop echo", "é\n"),), "cc44", given)


def test_a_request_is_found_again_by_the_beginning_of_its_name_and_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "kept" / log.FILE_NAME
    kept = RequestLog(path)
    for name in ("aa11", "bb22", "bb33"):
        kept.add(said(name))
    kept.save()
    assert find(path, "aa") == said("aa11")
    assert find(path, "bb") == said("bb33")  # the newest
    assert find(path, "cc") is None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_file_is_bounded_and_the_oldest_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "LARGEST_FILE_BYTES", 10_000)
    path = tmp_path / log.FILE_NAME
    kept = RequestLog(path)
    for number in range(100):
        kept.add(said(f"{number:04}", 300))
        kept.save()
        assert path.stat().st_size < 11_000
    assert find(path, "0099") is not None and find(path, "0000") is None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_is_kept_where_the_user_has_turned_it_off_and_a_refusing_disk_is_borne(tmp_path: Path) -> None:
    RequestLog(None).add(said("aa11"))
    (tmp_path / "file").write_text("")
    kept = RequestLog(tmp_path / "file" / log.FILE_NAME)
    kept.add(said("aa11"))
    kept.save()
    assert find(tmp_path / "file" / log.FILE_NAME, "aa") is None


def test_lines_that_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / log.FILE_NAME
    kept = RequestLog(path)
    kept.add(said("aa11"))
    kept.save()
    path.write_text("{\n" + path.read_text() + '{"id": 3}\n[]\n')
    assert find(path, "aa") == said("aa11")
