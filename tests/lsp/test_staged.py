"""A diff, file by file: what is private is left out, and what is long is shortened fairly."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.lsp.actions.staged import FileDiff, files_of, repository_of, shortened, told_files

CHANGED = (
    "diff --git a/a b.py b/a b.py\nindex 1..2 100644\n--- a/a b.py\t\n+++ b/a b.py\t\n"
    "@@ -1 +1 @@\n-old\n+--- a/not this\n"
)
RENAMED = "diff --git a/old.py b/new.py\nsimilarity index 100%\nrename from old.py\nrename to new.py\n"
ADDED = "diff --git a/new.key b/new.key\nnew file mode 100644\n--- /dev/null\n+++ b/new.key\n@@ -0,0 +1 @@\n+x\n"
BINARY = "diff --git a/x.png b/x.png\nindex 1..2 100644\nBinary files a/x.png and b/x.png differ\n"
MODE = "diff --git a/run.sh b/run.sh\nold mode 100644\nnew mode 100755\n"


@pytest.mark.parametrize(
    ("diff", "paths"),
    [
        (CHANGED, ("a b.py",)),
        (RENAMED, ("old.py", "new.py")),
        (ADDED, ("new.key",)),
        (BINARY, ("x.png",)),
        (MODE, ("run.sh",)),
    ],
)
def test_a_file_is_known_by_its_names(diff: str, paths: tuple[str, ...]) -> None:
    assert files_of(CHANGED + diff + MODE)[1:-1] == [FileDiff(paths, diff)]


def test_a_file_that_was_private_under_either_name_is_left_out() -> None:
    def rule(path: Path) -> str | None:
        return "It holds keys." if path.name in ("old.py", "new.key") else None

    kept, left_out = told_files(CHANGED + RENAMED + ADDED, Path("/root"), rule)
    assert [file.paths for file in kept] == [("a b.py",)]
    assert left_out == (
        "The changes of new.py were left out. It holds keys.",
        "The changes of new.key were left out. It holds keys.",
    )


def test_a_diff_that_is_not_gits_is_private_if_any_of_its_files_is() -> None:
    diff = "--- a.py\n+++ a.py\n@@ -1 +1 @@\n-x\n+y\n--- .env\n+++ .env\n@@ -1 +1 @@\n-K=1\n+K=2\n"
    kept, left_out = told_files(diff, None, lambda path: "It holds keys." if path.name == ".env" else None)
    assert kept == () and len(left_out) == 1
    assert told_files("+K=2\n", None, lambda path: None)[0] == ()  # nobody can tell whose it is


def test_no_diff_has_no_files() -> None:
    assert files_of("") == files_of("\n") == []


def test_long_changes_give_way_to_short_ones() -> None:
    files = [FileDiff(("long",), "x\n" * 500), FileDiff(("short",), "y\n" * 10)]
    text, cut = shortened(files, 100)
    assert text == "x\n" * 40 + "y\n" * 10 and cut == ["long"]


@given(st.lists(st.text(alphabet="ab\n", min_size=1, max_size=60), max_size=6), st.integers(0, 200))
def test_what_is_shortened_fits(texts: list[str], most: int) -> None:
    files = [FileDiff((str(n),), text) for n, text in enumerate(texts)]
    text, cut = shortened(files, most)
    assert len(text) <= most
    assert text == "".join(texts) if sum(map(len, texts)) <= most else cut


def test_a_repository_is_found_from_inside_and_from_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / ".git" / "hooks").mkdir(parents=True)
    (tmp_path / "src").mkdir()
    for folder in (tmp_path, tmp_path / "src", tmp_path / ".git", tmp_path / ".git" / "hooks"):
        assert repository_of(folder) == tmp_path
