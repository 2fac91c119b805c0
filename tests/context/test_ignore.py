import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codefuse_lsp.context import ignore
from codefuse_lsp.context.ignore import RECHECK_S, Ignore


class Clock:
    """A time that passes when the test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "work" / ".git").mkdir(parents=True)
    return tmp_path / "work"


def put(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def asked(root: Path, patterns: tuple[str, ...] = ()) -> Ignore:
    return Ignore([root], patterns, ignore_case=False)


def test_the_reason_names_the_rule_and_where_it_stands(root: Path) -> None:
    put(root / "src" / ".gitignore", "# made by the build\n*.gen.py\n")
    reason = asked(root).reason(root / "src" / "deep" / "a.gen.py")
    assert reason == (
        f"{Path('src', 'deep', 'a.gen.py')} is ignored by the pattern '*.gen.py' ({Path('src', '.gitignore')}, line 2)."
    )
    assert asked(root).reason(root / "src" / "a.py") is None


def test_a_deeper_file_outranks_a_higher_one(root: Path) -> None:
    put(root / ".gitignore", "*.sql\n")
    put(root / "schema" / ".gitignore", "!*.sql\n")
    question = asked(root)
    assert question.reason(root / "a.sql")
    assert question.reason(root / "schema" / "a.sql") is None


def test_our_own_ignore_file_outranks_gits_and_the_setting_outranks_both(root: Path) -> None:
    put(root / ".gitignore", "gen_*.py\n")
    put(root / ".codefuseignore", "!gen_*.py\nprivate/\n")
    assert asked(root).reason(root / "gen_a.py") is None
    assert "setting ignore" in (asked(root, ("gen_*",)).reason(root / "gen_a.py") or "")
    assert ".codefuseignore, line 2" in (asked(root).reason(root / "private" / "a.py") or "")


def test_credentials_are_never_read_even_if_a_rule_brings_them_back(root: Path) -> None:
    put(root / ".codefuseignore", "!.env\n")
    assert "never enter a prompt" in (asked(root, ("!.env",)).reason(root / ".env") or "")


def test_a_link_is_judged_by_what_it_points_to_as_well(root: Path, tmp_path: Path) -> None:
    put(root / ".gitignore", "generated/\n")
    put(root / "generated" / "a.py")
    put(tmp_path / "home" / ".ssh" / "id_rsa")
    (root / "innocent.py").symlink_to(tmp_path / "home" / ".ssh" / "id_rsa")
    (root / "b.py").symlink_to(root / "generated" / "a.py")
    assert asked(root).reason(root / "innocent.py")
    assert asked(root).reason(root / "b.py")


def test_a_file_that_nobody_opened_is_read_only_inside_the_workspace(root: Path, tmp_path: Path) -> None:
    put(tmp_path / "elsewhere" / "a.py")
    (root / "link.py").symlink_to(tmp_path / "elsewhere" / "a.py")
    question = asked(root)
    assert question.reason_unasked(put(root / "a.py")) is None
    for path in (root / "link.py", tmp_path / "elsewhere" / "a.py", root / ".." / "elsewhere" / "a.py"):
        assert "outside the workspace" in (question.reason_unasked(path) or "")
    assert question.reason(tmp_path / "elsewhere" / "a.py") is None  # the user opened it


def test_a_workspace_inside_a_repository_heeds_the_rules_above_it_but_is_itself_wanted(root: Path) -> None:
    put(root / ".gitignore", "sandbox/\n*.log\n")
    question = asked(root / "sandbox")
    assert question.reason(root / "sandbox" / "a.py") is None
    assert question.reason(root / "sandbox" / "a.log")


def test_a_file_outside_every_folder_is_judged_by_its_own_repository(root: Path, tmp_path: Path) -> None:
    put(root / ".gitignore", "*.log\n")
    question = asked(tmp_path / "other", ("*.tmp",))
    assert question.reason(root / "deep" / "a.log")
    assert question.reason(tmp_path / "alone.tmp")
    assert question.reason(tmp_path / "alone.log") is None


def test_gits_private_excludes_are_heeded(root: Path) -> None:
    put(root / ".git" / "info" / "exclude", "notes.md\n")
    assert asked(root).reason(root / "notes.md")


def test_a_change_to_an_ignore_file_is_seen_after_a_while_and_costs_nothing_before(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    question = Ignore([root], clock=clock)
    assert question.reason(root / "a.py") is None
    put(root / ".gitignore", "a.py\n")
    monkeypatch.setattr(ignore, "_stamp", lambda path: pytest.fail("the disk was asked"))
    assert question.reason(root / "a.py") is None
    monkeypatch.undo()
    clock.now_s += RECHECK_S
    assert question.reason(root / "a.py")
    (root / ".gitignore").unlink()
    clock.now_s += RECHECK_S
    assert question.reason(root / "a.py") is None


def test_an_unchanged_file_is_parsed_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(root / ".gitignore", "*.log\n")
    question = asked(root)
    question.reason(root / "a.py")
    monkeypatch.setattr(ignore, "parse_rules", lambda *_, **__: pytest.fail("parsed again"))
    assert question.reason(root / "b.log")


def test_what_is_remembered_is_bounded(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ignore, "MAX_PATHS", 10)
    monkeypatch.setattr(ignore, "MAX_FILES", 10)
    question = asked(root)
    for number in range(50):
        question.reason(root / f"folder{number}" / "a.py")
    assert len(question._verdicts) <= 10
    assert len(question._files) <= 10


def test_a_language_that_is_turned_off_says_so(root: Path) -> None:
    question = Ignore([root], languages_off=["markdown"])
    assert "markdown" in (question.reason(root / "a.md") or "")
    assert "markdown" in (question.reason(root / "README", "markdown") or "")
    assert question.reason(root / "a.py") is None


@pytest.mark.parametrize("path", ["", "a\0b", "/", "relative.py", "x" * 5000])
def test_a_path_that_no_file_has_is_answered(root: Path, path: str) -> None:
    asked(root).reason(path)
    asked(root).reason_unasked(path)


def test_an_ignore_file_that_is_a_folder_or_unreadable_has_no_rules(root: Path) -> None:
    (root / ".gitignore").mkdir()
    (root / ".codefuseignore").symlink_to(root / "nowhere")
    assert asked(root).reason(root / "a.py") is None


folders = st.sampled_from(["", "a", "a/b", "c"])
RULES = ["*.py", "!x.py", "b/", "/a", "a/b", "x.*", "!b/", "c/**/y.py", "*", "!*/"]
FILES = ["x.py", "y.py", "a/x.py", "a/b/x.py", "a/b/c/y.py", "c/y.py", "c/b/y.py", "b/x.py", "a/a/x.txt"]
lines = st.lists(st.sampled_from(RULES), max_size=3)
names = st.sampled_from(FILES)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.dictionaries(folders, lines, max_size=4), paths=st.lists(names, min_size=1, unique=True))
def test_nested_files_rank_as_they_do_for_git(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, list[str]], paths: list[str]
) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not installed, so there is nothing to compare with")
    root = tmp_path_factory.mktemp("nested")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    for folder, rules in files.items():
        put(root / folder / ".gitignore", "\n".join(rules))
    for path in paths:
        put(root / path)
    command = ["git", "-c", "core.excludesFile=", "check-ignore", "--no-index", "-z", "--stdin"]
    found = subprocess.run(command, cwd=root, input="\0".join(paths).encode(), capture_output=True).stdout
    question = asked(root)
    assert {path for path in paths if question.reason(root / path)} == set(found.decode().split("\0")) - {""}
    shutil.rmtree(root)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes with names")
def test_a_pipe_in_place_of_an_ignore_file_is_none_and_not_waited_for(root: Path) -> None:
    os.mkfifo(root / ".gitignore")
    put(root / "a" / ".gitignore", "*.log\n")
    found: list[str | None] = []
    rules = asked(root)
    asking = threading.Thread(target=lambda: found.append(rules.rule_against(root / "a" / "x.log")), daemon=True)
    asking.start()
    asking.join(10)
    assert len(found) == 1 and found[0] is not None and "'*.log'" in found[0]
