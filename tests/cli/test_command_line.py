from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from codefuse_lsp import config
from codefuse_lsp.__main__ import main

COMMANDS = ["serve", "demo", "complete", "chat", "why", "doctor", "status", "stop", "bench", "eval", "download"]


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Folders of our own for everything that the program keeps."""
    folder = Path(tempfile.mkdtemp())
    for name in ("RUNTIME_DIR", "CACHE_HOME", "DATA_HOME", "CONFIG_HOME"):
        monkeypatch.setenv(f"XDG_{name}", str(folder / name))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert command in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["complete", "a.py"],
        ["complete", "a.py:0:1"],
        ["complete", "a.py:x:1"],
        ["status", "--set", "nothing=1"],
        ["fly"],
        ["bench", "--only", "(", "--random-weights", "tiny"],
        ["bench", "--random-weights", "huge"],
        ["bench", "--threads", "0"],
        ["eval"],
        ["eval", "infilling"],
        ["eval", "humaneval", "--samples", "0"],
        ["eval", "humaneval", "--timeout", "-1"],
        ["eval", "humaneval", "--temperature", "hot"],
    ],
)
def test_wrong_arguments_end_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["complete", "none.py:1:1"], "none.py"),
        (["chat", "why?", "--file", "none.py"], "none.py"),
        (["serve", "--host", "0.0.0.0", "--port", "0"], "--api-key-file"),
        (["serve", "--api-key-file", "none.keys"], "none.keys"),
        (["eval", "replay", "none.jsonl"], "none.jsonl"),
        (["eval", "humaneval", "--data", "none.jsonl"], "none.jsonl"),
        (
            ["eval", "infilling", "--data", "none.jsonl", "--forms", "fancy"],
            "plain, healed, suffix_first, role_tags, chat_turn, shipped",
        ),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    arguments: list[str], names: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert names in told.err and "Traceback" not in told.err


def test_where_no_worker_runs_there_is_none_to_show_or_to_stop(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["stop"]) == 0


def test_without_a_request_there_is_no_reason_to_tell(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_the_doctor_lists_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--settings", "--json"]) == 0
    told = capsys.readouterr().out
    assert all(f'"{name}"' in told for name in config.names())


def test_a_bad_value_in_the_environment_is_told_and_nothing_stops(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODEFUSE_LSP_CONTEXT_LENGTH", "lots")
    assert main(["status"]) == 0
    assert "context_length = 'lots'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["bench", "--random-weights", "tiny", "--only", "no such measure"], "next keystroke"),
        (["bench", "--random-weights", "tiny", "--markdown", "no/such/folder/x.md"], "no/such/folder/x.md"),
        (["bench", "--suite", "engine", "--model", "/no/model"], "/no/model"),
    ],
)
def test_what_cannot_be_measured_is_told_before_anything_is(
    arguments: list[str], names: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    told = capsys.readouterr()
    assert told.out == "" and names in told.err and "Traceback" not in told.err


def test_a_bench_writes_what_it_found_and_a_missed_target_is_no_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, kept = tmp_path / "bench.md", tmp_path / "bench.json"
    words = ["bench", "--random-weights", "tiny", "--repeat", "1", "--only", "prefill"]
    assert main([*words, "--markdown", str(page), "--json", str(kept)]) == 0
    rows = json.loads(kept.read_text())["rows"]
    assert [row["status"] for row in rows] == ["measured", "measured"]
    told = page.read_text()
    assert all(row["measure"] in told for row in rows)
    shown = capsys.readouterr().out.splitlines()
    assert all(any(row["measure"] in line and row["target"] in line for line in shown) for row in rows)
