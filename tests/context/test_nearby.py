import os
import time
from pathlib import Path

import pytest

from codefuse_lsp.context import nearby
from codefuse_lsp.context.nearby import Nearby
from tests.context.places import cursor_in


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("own.py", "b.py", "c.py", "d.txt", "secret.py"):
        (tmp_path / name).write_text(f"# {name}\n", "utf-8")
    (tmp_path / "folder.py").mkdir()
    return tmp_path


def names(source: Nearby, folder: Path, deadline: float | None = None) -> list[str]:
    cursor = cursor_in("‸\n", path=str(folder / "own.py"))
    found = source.documents(cursor, time.monotonic() + 60 if deadline is None else deadline)
    return [Path(document.path).name for document in found]


def test_files_of_the_same_language_in_the_folder_are_read_but_for_its_own(folder: Path) -> None:
    source = Nearby(lambda path: path.name != "secret.py")
    assert names(source, folder) == ["b.py", "c.py"]


def test_what_is_not_read_by_the_deadline_comes_next_time(folder: Path) -> None:
    source = Nearby(lambda path: True)
    assert names(source, folder, deadline=time.monotonic() - 1) == []
    assert names(source, folder) == ["b.py", "c.py", "secret.py"]


def test_a_changed_file_is_read_anew_and_an_unchanged_one_is_not(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearby, "RECHECK_S", -1.0)
    source, cursor = Nearby(lambda path: path.name == "b.py"), cursor_in("‸\n", path=str(folder / "own.py"))
    (before,) = source.documents(cursor, time.monotonic() + 60)
    assert source.documents(cursor, time.monotonic() + 60)[0] is before
    (folder / "b.py").write_text("x = 1\n", "utf-8")
    os.utime(folder / "b.py", ns=(1, 1))
    (after,) = source.documents(cursor, time.monotonic() + 60)
    assert after.lines == ["x = 1\n"]
    assert after.version != before.version


def test_a_large_folder_and_large_files_are_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearby, "MAX_FILES", 2)
    monkeypatch.setattr(nearby, "MAX_FILE_BYTES", 10)
    (folder / "c.py").write_text("x" * 11)
    assert names(Nearby(lambda path: True), folder) == ["own.py", "b.py"][1:]


def test_a_folder_that_is_not_there_has_no_files(tmp_path: Path) -> None:
    assert names(Nearby(lambda path: True), tmp_path / "nowhere") == []
