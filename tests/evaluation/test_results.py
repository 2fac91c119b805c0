from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from codefuse_lsp.errors import ConfigError
from codefuse_lsp.evaluation.results import Results, default_path

SETTINGS = {"model": "small", "seed": 0}


def test_what_was_found_is_there_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "x.jsonl"
    with Results(path, SETTINGS) as results:
        results.add({"kind": "answer", "text": "größer\n"})
        results.add({"kind": "verdict"})
    again = Results(path, SETTINGS)
    assert again.of_kind("answer") == [{"kind": "answer", "text": "größer\n"}]
    assert len(again.rows) == 2


@pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")
@pytest.mark.parametrize("there_before", [False, True])
def test_nobody_else_may_read_the_results(tmp_path: Path, there_before: bool) -> None:
    path = tmp_path / "x.jsonl"
    if there_before:
        path.touch(0o644)
        path.chmod(0o644)
    with Results(path, SETTINGS):
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_line_that_a_kill_has_cut_is_left_out_and_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    with Results(path, SETTINGS) as results:
        results.add({"kind": "answer", "n": 1})
    with path.open("a") as file:
        file.write('{"kind": "answer", "n": 2, "te')
    with Results(path, SETTINGS) as results:
        assert [row["n"] for row in results.rows] == [1]
        results.add({"kind": "answer", "n": 3})
    assert [row["n"] for row in Results(path, SETTINGS).rows] == [1, 3]


def test_what_is_whole_is_never_written_again_for_the_disk_may_be_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.jsonl"
    with Results(path, SETTINGS) as results:
        results.add({"kind": "answer", "n": 1})
    again, before = Results(path, SETTINGS), path.read_bytes()

    def full(*_: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("codefuse_lsp.evaluation.results.json.dumps", full)
    with pytest.raises(OSError, match="No space"), again:
        again.add({"kind": "answer", "n": 2})
    assert path.read_bytes() == before


def test_a_file_of_another_kind_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a line of results")
    with pytest.raises(ConfigError, match="holds something else"):
        Results(path, SETTINGS)
    assert path.read_text() == "not a line of results"


def test_results_of_other_settings_are_never_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    with Results(path, SETTINGS) as results:
        results.add({"kind": "answer"})
    with pytest.raises(ConfigError, match="made with another model"):
        Results(path, {**SETTINGS, "model": "large"})
    assert Results(path, {**SETTINGS, "model": "large"}, fresh=True).rows == []


@pytest.mark.parametrize("content", ["hello\n", '{"a": 1}\n', "[1]\n", '{"settings": {}}\nbroken\n{}\n'])
def test_a_file_that_holds_something_else_is_left_alone(content: str, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(content)
    with pytest.raises(ConfigError, match="another"):
        Results(path, SETTINGS)
    assert path.read_text() == content


def test_each_settings_have_a_file_of_their_own() -> None:
    assert default_path("humaneval", SETTINGS) == default_path("humaneval", dict(reversed(SETTINGS.items())))
    assert default_path("humaneval", SETTINGS) != default_path("humaneval", {**SETTINGS, "seed": 1})
