"""A copy is true, holds nothing that it should not, leads nowhere outside, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.verification import copies as copies_module
from codefuse_lsp.verification.copies import BUILD, HOME, HOME_FILES, Copies, copies_of, remove
from codefuse_lsp.verification.survey import MIB, Bounds, WorkspaceTooLarge, survey
from tests.verification.workspaces import digest, make_environment


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace with a little of everything."""
    root = tmp_path / "workspace"
    files = {
        "src/app.py": "import os\n",
        "src/deep/er/data.csv": "1,2\n",
        ".git/config": "[core]\n",
        "node_modules/x/index.js": "1",
        "__pycache__/app.pyc": "x",
        "dist/app.js": "built",
        "private/letter.txt": "secret",
        "private/tool.py": "secret",
        ".env": "KEY=1",
        "keys/id_rsa": "secret",
        "notes.txt": "ignored",
        "generated.py": "ignored, and imported",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "inner").symlink_to("src")
    (root / "absolute").symlink_to(root / "src" / "app.py")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept.txt").write_text("precious")
    (root / "outside").symlink_to(tmp_path / "elsewhere")
    (root / "passwd").symlink_to("/etc/passwd")
    make_environment(root / ".venv", "nothing")
    return root


def is_ignored(path: Path) -> bool:
    """As a .gitignore with dist/, private/, notes.txt and generated.py says."""
    return bool({"dist", "private", "notes.txt", "generated.py"} & set(path.parts))


def test_what_is_copied_what_is_shown_and_what_stays_out_of_sight(root: Path) -> None:
    found = survey(root, is_ignored)
    assert sorted(found.files) == ["generated.py", "run.sh", "src/app.py", "src/deep/er/data.csv"]
    assert sorted(path.name for path in found.shown) == [".venv", "dist", "node_modules"]
    assert found.links == {"inner": "src", "absolute": "src/app.py"}
    assert found.folders == ["keys", "src", "src/deep", "src/deep/er"]


def test_an_environment_that_is_a_link_is_shown(root: Path, tmp_path: Path) -> None:
    (root / "venv").symlink_to(make_environment(tmp_path / "shared", "nothing"))
    assert root / "venv" in survey(root).shown


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes with names")
def test_pipes_are_not_read(root: Path) -> None:
    os.mkfifo(root / "pipe.py")
    assert "pipe.py" not in survey(root).files


def test_a_file_that_is_large_is_shown_instead(root: Path) -> None:
    (root / "model.bin").write_bytes(bytes(2000))
    found = survey(root, bounds=Bounds(file_bytes=1000))
    assert root / "model.bin" in found.shown and "model.bin" not in found.files


@pytest.mark.parametrize(
    ("bounds", "told"), [(Bounds(files=3), "more than 3 files"), (Bounds(total_bytes=10), "more than 0 MiB")]
)
def test_a_workspace_that_is_too_large_is_told_in_numbers(root: Path, bounds: Bounds, told: str) -> None:
    with pytest.raises(WorkspaceTooLarge, match=rf"workspace holds {told}.*\.codefuseignore"):
        survey(root, bounds=bounds)


async def test_a_copy_is_true_and_writing_to_it_changes_nothing(root: Path, tmp_path: Path) -> None:
    before = digest(root)
    async with copies_of(root, tmp_path / "copies", is_ignored) as copies:
        copy = await copies.fresh({"src/new.py": "new", "src/app.py": "unsaved"})
        assert (copy.folder / "src/app.py").read_text() == "unsaved" and (
            copy.folder / "src/new.py"
        ).read_text() == "new"
        assert (copy.folder / "src/deep/er/data.csv").read_text() == "1,2\n"
        original, other = (root / "run.sh").stat(), (copy.folder / "run.sh").stat()
        assert (original.st_mode, original.st_mtime_ns) == (other.st_mode, other.st_mtime_ns)
        assert original.st_ino != other.st_ino and other.st_nlink == 1
        assert (copy.folder / "absolute").resolve() == copy.folder / "src" / "app.py"
        assert not (copy.folder / "outside").exists() and copy.changed() == []
        for name in ("src/deep/er/data.csv", "run.sh", "absolute"):
            (copy.folder / name).write_text("changed")
        (copy.folder / HOME / ".profile").unlink()
        assert sorted(copy.changed()) == [f"{HOME}/.profile", "run.sh", "src/app.py", "src/deep/er/data.csv"]
    assert digest(root) == before and list((tmp_path / "copies").iterdir()) == []


async def test_a_new_copy_is_as_good_as_new_and_keeps_what_was_built(root: Path, tmp_path: Path) -> None:
    async with copies_of(root, tmp_path / "copies") as copies:
        first = await copies.fresh()
        (first.folder / "src" / "app.py").unlink()
        (first.folder / BUILD).mkdir()
        (first.folder / BUILD / "object.o").write_text("built")
        second = await copies.fresh()
        assert not first.folder.exists() and second.changed() == []
        assert (second.folder / BUILD / "object.o").read_text() == "built"


@pytest.mark.parametrize("name", ["outside/x.py", "../x.py", "src/../../x.py"])
async def test_no_text_is_written_out_of_a_copy(root: Path, tmp_path: Path, name: str) -> None:
    before = digest(tmp_path / "elsewhere")
    (root / "outside").unlink()
    (root / "outside").mkdir()
    async with copies_of(root, tmp_path / "copies") as copies:
        if name.startswith("outside"):  # a link that came into the workspace after it was looked at
            copies._found.folders.remove("outside")
            copies._found.links["outside"] = str(tmp_path / "elsewhere")
        with pytest.raises(CodeFuseError, match="lies outside"):
            await copies.fresh({name: "x"})
    assert digest(tmp_path / "elsewhere") == before and not (tmp_path / "x.py").exists()


async def test_files_that_go_away_meanwhile_are_not_missed(root: Path, tmp_path: Path) -> None:
    async with copies_of(root, tmp_path / "copies") as copies:
        (root / "run.sh").unlink()
        assert (await copies.fresh()).changed() == []


async def test_a_cancel_while_copying_leaves_nothing(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(source: Path, target: Path) -> None:
        begun.set()
        assert go_on.wait(30)

    monkeypatch.setattr(copies_module, "_copy_file", slow)

    async def work() -> None:
        async with copies_of(root, tmp_path / "copies") as copies:
            await copies.fresh()

    task = asyncio.create_task(work())
    assert await asyncio.to_thread(begun.wait, 30)
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list((tmp_path / "copies").iterdir()) == []


async def test_what_a_killed_process_left_is_gone_with_the_next_copy(root: Path, tmp_path: Path) -> None:
    script = f"""
import asyncio, os
from pathlib import Path
from codefuse_lsp.verification.copies import copies_of
async def main():
    async with copies_of(Path({str(root)!r}), Path({str(tmp_path / "copies")!r})) as copies:
        await copies.fresh()
        os._exit(1)
asyncio.run(main())
"""
    folder = Path(copies_module.__file__).parents[2]
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", script], check=False, cwd=folder)
    assert any(path.is_dir() for path in (tmp_path / "copies").iterdir())
    async with copies_of(root, tmp_path / "copies") as first, copies_of(root, tmp_path / "copies") as second:
        assert isinstance(first, Copies) and isinstance(second, Copies)
        assert len([path for path in (tmp_path / "copies").iterdir() if path.is_dir()]) == 2
    assert list((tmp_path / "copies").iterdir()) == []


async def test_where_no_copy_can_be_written_the_reason_is_told(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CodeFuseError, match=r"no place for a copy at .*file"):
        async with copies_of(root, tmp_path / "file" / "copies"):
            pass


def test_a_folder_is_removed_however_deep_and_closed_it_is(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "x").write_text("precious")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(kept)
    (folder / "closed").mkdir()
    (folder / "closed" / "x").touch()
    (folder / "closed").chmod(0)
    script = f"import os; os.chdir({str(folder)!r})\nfor _ in range(1000): os.mkdir('d'); os.chdir('d')"
    subprocess.run([sys.executable, "-c", script], check=True)
    remove(folder)
    assert not folder.exists() and (kept / "x").read_text() == "precious"


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0", exclude_categories=["Cs", "Cc"]), min_size=1)


@given(st.dictionaries(NAMES.filter(lambda name: len(name.encode()) < 90), st.binary(max_size=50), max_size=6))
def test_whatever_files_are_called_and_hold_they_are_copied_as_they_are(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    root = tmp_path_factory.mktemp("workspace")
    for name, content in files.items():
        if name not in (".", ".."):
            (root / name).write_bytes(content)
    found = survey(root)
    home = tmp_path_factory.mktemp("copies")
    copy = Copies(found, home, threading.Event())._fresh({})
    for name in found.files:
        assert (copy.folder / name).read_bytes() == (root / name).read_bytes()
    there = {path.relative_to(copy.folder).as_posix() for path in copy.folder.rglob("*") if path.is_file()}
    assert there == {*found.files, *HOME_FILES} and found.total_bytes < MIB
