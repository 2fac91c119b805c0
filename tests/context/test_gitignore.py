import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codefuse_lsp.context.gitignore import Rule, last_match, parse_rules, path_parts

NAMES = ["a", "b", "foo", "bar", "foo.py", "A", "é", "a b", "#x", "!x", "[a", "*", "a ", "abc", "-", "]", "a\\"]
PIECES = [
    *("a", "b", "foo", "bar", "*", "**", "***", "?", "/", "/", ".py", "[ab]", "[!a]", "[^b]", "[a-c]", "[]a]", "[^]a]"),
    *("[[:alpha:]]", "[[:no:]]", "[[:upper:]x]", "\\*", "\\", "!", "#", " ", "\\ ", "é", "[", "-", "]", "[a-", "[/a]"),
    *("[\\]]", "[a\\-c]", "[--0]", "A", "[[a]", "\t"),
]
# git compares what stands before the first wildcard apart, and then takes `foo**/` for a `**/` of its own.
QUIRK = re.compile(r"[^/*]\*\*+(/|$|\\/)")
patterns = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join).filter(lambda p: not QUIRK.search(p))
paths = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map("/".join)


def decisive(rules: tuple[Rule, ...], path: str, *, ignore_case: bool = False) -> Rule | None:
    """The rule that decides on a path in the folder of the rules; a folder that is ignored keeps all that is in it."""
    parts, rule = path_parts(path.split("/"), ignore_case=ignore_case), None
    for depth in range(1, len(parts) + 1):
        rule = last_match(rules, parts[:depth], is_folder=depth < len(parts))
        if rule is not None and not rule.negated:
            break
    return rule


def is_ignored(lines: str, path: str, *, ignore_case: bool = False) -> bool:
    rules = parse_rules(lines.encode(), ignore_case=ignore_case)
    rule = decisive(rules, path, ignore_case=ignore_case)
    return rule is not None and not rule.negated


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("git") is None:
        pytest.skip("git is not installed, so there is nothing to compare with")
    folder = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder


def ignored_by_git(repository: Path, asked: list[str], *, ignore_case: bool) -> set[str]:
    command = ["git", "-c", f"core.ignoreCase={str(ignore_case).lower()}", "-c", "core.excludesFile=", "check-ignore"]
    found = subprocess.run(
        [*command, "--no-index", "-z", "--stdin"], cwd=repository, input="\0".join(asked).encode(), capture_output=True
    )
    assert found.returncode in (0, 1), found.stderr
    return set(found.stdout.decode().split("\0")) - {""}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(patterns, min_size=1, max_size=4),
    asked=st.lists(paths, min_size=1, max_size=12, unique=True),
    end=st.sampled_from(["\n", "\r\n"]),
    ignore_case=st.booleans(),
)
def test_every_pattern_means_what_it_means_to_git(
    repository: Path, lines: list[str], asked: list[str], end: str, ignore_case: bool
) -> None:
    text = end.join(lines)
    (repository / ".gitignore").write_bytes(text.encode())
    ours = {path for path in asked if is_ignored(text, path, ignore_case=ignore_case)}
    assert ours == ignored_by_git(repository, asked, ignore_case=ignore_case)


@pytest.mark.parametrize(
    ("lines", "path", "expected"),
    [
        ("*.log", "a/b/x.log", True),
        ("/x.log", "a/x.log", False),
        ("a/x.log", "b/a/x.log", False),
        ("**/a/x.log", "b/a/x.log", True),
        ("build/", "build", False),
        ("build/", "build/x.py", True),
        ("a/**/z", "a/z", True),
        ("a/**/z", "a/b/c/z", True),
        ("a/**", "a", False),
        ("*\n!keep.py", "keep.py", False),
        ("lib/\n!lib/keep.py", "lib/keep.py", True),
        ("lib/*\n!lib/keep.py", "lib/keep.py", False),
        ("# comment", "# comment", False),
        ("\\#name", "#name", True),
        ("name  ", "name", True),
        ("name\\ ", "name ", True),
        ("\ufeffname", "name", True),
        ("?", "é", False),  # two bytes, to git
    ],
)
def test_the_rules_of_the_manual_hold(lines: str, path: str, expected: bool) -> None:
    assert is_ignored(lines, path) is expected


def test_upper_and_lower_case_are_one_where_the_system_says_so() -> None:
    assert is_ignored("Build/\n[x-z].PY", "bUILD/a", ignore_case=True)
    assert is_ignored("Build/\n[x-z].PY", "a/Y.py", ignore_case=True)
    assert not is_ignored("Build/", "build/a")


def test_a_rule_tells_its_line_and_its_text() -> None:
    rule = decisive(parse_rules(b"# first\n\n*.log\r\nbuild/\n"), "a/build/x")
    assert rule is not None
    assert (rule.line, rule.text) == (4, "build/")


@pytest.mark.parametrize("pattern", ["*a" * 40 + "b", "**/" * 40 + "b", "*?" * 60 + "b", "*[ab]" * 60 + "c"])
def test_a_pattern_made_to_stall_a_matcher_is_answered(pattern: str) -> None:
    assert not is_ignored(pattern, "/".join(["a" * 200] * 30))


@given(st.binary(max_size=60), st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=5))
def test_any_bytes_are_rules_and_any_names_a_path(text: bytes, parts: list[str]) -> None:
    last_match(parse_rules(text), path_parts(parts), is_folder=False)
