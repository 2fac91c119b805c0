"""What is staged, told without running anything that the repository names."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.context import staged
from codefuse_lsp.context.staged import (
    FileDiff,
    StagedUnknown,
    earlier_subjects,
    may_be_told,
    paths_in,
    shortened,
    staged_diff,
)


def git(folder: Path, *arguments: str) -> None:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    who = ("-c", "user.name=A", "-c", "user.email=a@b.example")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, env=environment)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "area.py").write_text("one\ntwo\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "Begin")
    return tmp_path


def nothing(path: Path) -> str | None:
    return None


def test_only_what_is_staged_is_told_and_from_any_folder_below(repository: Path) -> None:
    (repository / "area.py").write_text("one\nTWO\n")
    git(repository, "add", ".")
    (repository / "area.py").write_text("one\nnot staged\n")
    (repository / "src").mkdir()
    found = staged_diff(repository / "src", nothing)
    assert found.diff.startswith("diff --git a/area.py b/area.py\n") and "-two\n+TWO\n" in found.diff
    assert "not staged" not in found.diff and found.left_out == ()


@pytest.mark.parametrize("name", ["a b.py", 'q"uote.py', "größe.py", "tab\there.py", "b b/a b.py", "+++ x.py"])
@pytest.mark.parametrize("content", ["text\n", ""], ids=["text", "empty"])
def test_a_file_is_known_by_its_path_whatever_its_name(repository: Path, name: str, content: str) -> None:
    (repository / name).parent.mkdir(exist_ok=True)
    (repository / name).write_text(content)
    git(repository, "add", ".")
    asked: list[Path] = []

    def rule_against(path: Path) -> str | None:
        asked.append(path)
        return "It is ignored." if path == repository / name else None

    found = staged_diff(repository, rule_against)
    assert asked == [repository / name] and found.diff == ""
    assert found.left_out == (f"The changes of {name} were left out. It is ignored.",)


def test_a_file_that_was_renamed_is_left_out_for_either_of_its_names(repository: Path) -> None:
    git(repository, "mv", "area.py", "other.py")
    for name in ("area.py", "other.py"):
        found = staged_diff(repository, lambda path, name=name: "No." if path.name == name else None)  # type: ignore[misc]
        assert found.diff == "" and len(found.left_out) == 1
    assert "rename to other.py" in staged_diff(repository, nothing).diff


def test_nothing_that_the_repository_names_is_run(repository: Path, tmp_path: Path) -> None:
    told, command = tmp_path / "was-run", tmp_path / "evil.sh"
    command.write_text(f"#!/bin/sh\necho run >> {told}\ncat\n")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    for key in (
        "core.fsmonitor",
        "diff.external",
        "diff.evil.textconv",
        "diff.evil.command",
        "core.pager",
        "pager.diff",
    ):
        git(repository, "config", key, str(command))
    git(repository, "config", "diff.noprefix", "true")
    git(repository, "config", "color.ui", "always")
    (repository / ".gitattributes").write_text("*.py diff=evil\n")
    (repository / "area.py").write_text("three\n")
    git(repository, "-c", "core.fsmonitor=false", "add", ".")
    told.unlink(missing_ok=True)
    found = staged_diff(repository, nothing)
    assert "+three\n" in found.diff and "diff --git a/area.py b/area.py" in found.diff
    assert not told.exists()


def test_the_environment_does_not_lead_git_elsewhere(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    git(elsewhere, "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(elsewhere / ".git"))
    (repository / "area.py").write_text("three\n")
    monkeypatch.delenv("GIT_DIR")
    git(repository, "add", ".")
    monkeypatch.setenv("GIT_DIR", str(elsewhere / ".git"))
    assert "+three" in staged_diff(repository, nothing).diff


def test_where_there_is_no_repository_or_no_folder_a_sentence_says_so(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "gone"):
        with pytest.raises(StagedUnknown, match=r"no git repository that git reads\.$"):
            staged_diff(folder, nothing)


def test_a_git_that_hangs_is_ended(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 600\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    with pytest.raises(StagedUnknown, match=r"did not answer within 0\.2 s"):
        staged_diff(repository, nothing, deadline_s=0.2)


def test_without_git_a_sentence_says_so(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository))
    with pytest.raises(StagedUnknown, match="git is not installed"):
        staged_diff(repository, nothing)


def test_a_huge_diff_is_cut(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staged, "MAX_BYTES", 10_000)
    (repository / "area.py").write_text("x = 1\n" * 100_000)
    git(repository, "add", ".")
    assert 5_000 < len(staged_diff(repository, nothing).diff) <= 10_000


@given(st.text('a/b "\\\n+-diff g', max_size=60))
def test_any_section_has_some_paths_or_none(text: str) -> None:
    assert all(isinstance(name, str) for name in paths_in(f"diff --git {text}"))


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
    found = may_be_told(CHANGED + diff + MODE, Path(), nothing)
    assert found.files[1:-1] == (FileDiff(paths, diff),)


def test_a_file_that_was_private_under_either_name_is_left_out() -> None:
    def rule(path: Path) -> str | None:
        return "It holds keys." if path.name in ("old.py", "new.key") else None

    found = may_be_told(CHANGED + RENAMED + ADDED, Path("/root"), rule)
    assert [file.paths for file in found.files] == [("a b.py",)]
    assert found.left_out == (
        "The changes of new.py were left out. It holds keys.",
        "The changes of new.key were left out. It holds keys.",
    )


def test_a_diff_that_is_not_gits_is_private_if_any_of_its_files_is() -> None:
    diff = "--- a.py\n+++ a.py\n@@ -1 +1 @@\n-x\n+y\n--- .env\n+++ .env\n@@ -1 +1 @@\n-K=1\n+K=2\n"
    found = may_be_told(diff, Path(), lambda path: "It holds keys." if path.name == ".env" else None)
    assert found.files == () and len(found.left_out) == 1
    assert may_be_told("+K=2\n", Path(), nothing).files == ()  # nobody can tell whose it is


def test_no_diff_has_no_files() -> None:
    assert may_be_told("", Path(), nothing) == may_be_told("\n", Path(), nothing) == staged.Staged(())


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


def test_a_repository_is_found_from_the_folder_of_its_own(repository: Path) -> None:
    (repository / "area.py").write_text("three\n")
    git(repository, "add", ".")
    for folder in (repository / ".git", repository / ".git" / "hooks"):
        assert "+three" in staged_diff(folder, nothing).diff
        assert earlier_subjects(folder) == ["Begin"]


def test_before_the_first_commit_there_are_no_earlier_subjects(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert earlier_subjects(tmp_path) == []
