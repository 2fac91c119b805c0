"""The files of a workspace, and those that a few letters mean."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.context import paths
from codefuse_lsp.context.ignore import Ignore
from codefuse_lsp.context.paths import Chunk, Paths, Place, matching, nearest

ROOT = Path("/work")
LONG = 60.0


def chunks(*relative: str) -> list[Chunk]:
    return [Chunk.of([Place(ROOT, name) for name in relative])]


def found(letters: str, *relative: str, at_most: int = 20) -> list[str]:
    return [place.relative for place in matching(chunks(*relative), letters, at_most)]


def nothing(folder: Path) -> bool:
    return False


def names(index: Paths, folder: Path, ignores: object = nothing) -> list[str]:
    assert callable(ignores)
    return [p.relative for c in index.chunks([folder], ignores, time.monotonic() + LONG) for p in c.places]


@pytest.mark.parametrize(
    ("letters", "best"),
    [
        ("shop", ["shop.py", "src/shop_test.py", "src/workshop.py", "shopping/cart.py", "s/hidden/o/p.py"]),
        ("SHOP.", ["shop.py", "src/workshop.py"]),
        ("src/sh", ["src/shop_test.py"]),
        ("./shop.py", ["shop.py", "src/workshop.py"]),
        ("crt", ["shopping/cart.py"]),
        ("zzz", []),
    ],
)
def test_the_likeliest_files_come_first(letters: str, best: list[str]) -> None:
    files = ("src/workshop.py", "shopping/cart.py", "s/hidden/o/p.py", "src/shop_test.py", "shop.py")
    assert found(letters, *files)[: len(best)] == best


def test_no_letters_mean_any_file_the_shortest_first() -> None:
    assert found("", "src/area.py", "a.py", at_most=1) == ["a.py"]


@given(st.lists(st.text("abc/.", min_size=1, max_size=12), max_size=30, unique=True), st.text("abc/. (*", max_size=4))
def test_what_is_found_has_the_letters_in_their_order(files: list[str], letters: str) -> None:
    for name in found(letters, *files):
        rest = iter(name.lower())
        asked = letters.lower().removeprefix("./").lstrip("/")
        assert all(letter in rest for letter in asked)


def test_code_that_shares_most_folders_comes_first() -> None:
    files = ("web/src/a.ts", "core/src/deep/b.py", "core/src/c.py", "core/readme.txt", "d.py")
    assert [p.relative for p in nearest(chunks(*files), ["core/src/x.py"], 9)] == [
        "core/src/c.py",
        "core/src/deep/b.py",
        "d.py",
        "web/src/a.ts",
    ]
    assert [p.relative for p in nearest(chunks(*files), [], 1)] == ["d.py"]


def test_ignored_and_heavy_folders_are_not_walked(tmp_path: Path) -> None:
    for name in ("src/a.py", "build/b.py", "node_modules/c.js", ".git/config", "src/deep/d.py", "e.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".gitignore").write_text("build/\n")
    (tmp_path / "src" / "loop").symlink_to(tmp_path)
    found = names(Paths(), tmp_path, Ignore([tmp_path]).ignores_folder)
    assert found == [".gitignore", "e.py", "src/a.py", "src/deep/d.py"]


def test_who_asks_gets_by_the_deadline_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "first.py").touch()
    (tmp_path / "slow").mkdir()
    may_go_on = threading.Event()

    def ignores_folder(folder: Path) -> bool:
        return not may_go_on.wait(LONG)

    index = Paths()
    assert index.chunks([tmp_path], ignores_folder, time.monotonic()) == ()
    may_go_on.set()
    assert names(index, tmp_path, ignores_folder) == ["first.py"]


def test_a_new_file_is_seen_after_a_while(tmp_path: Path) -> None:
    now = 0.0
    index = Paths(clock=lambda: now)
    (tmp_path / "a.py").touch()

    def seen() -> list[str]:
        return [p.relative for c in index.chunks([tmp_path], nothing, now + LONG) for p in c.places]

    assert seen() == ["a.py"]
    (tmp_path / "b.py").touch()
    assert seen() == ["a.py"]
    now += paths.REFRESH_S + 1
    assert seen() == ["a.py"]  # at once, while it is looked again
    for thread in [one for one in threading.enumerate() if one.name == paths.THREAD]:
        thread.join(LONG)
    assert seen() == ["a.py", "b.py"]


def test_other_folders_have_another_index(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.py").touch()
    index = Paths()
    assert names(index, tmp_path / "one") == ["one.py"]
    assert names(index, tmp_path / "two") == ["two.py"]


def test_an_index_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "MOST_PATHS", 5)
    for number in range(20):
        (tmp_path / f"{number}.py").touch()
    assert len(names(Paths(), tmp_path)) == 5
