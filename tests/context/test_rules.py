"""A project's rules: which files are read, in which order, and how much of them."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codefuse_lsp.context.rules import RULE_FILES, Rules


def everything(path: Path) -> bool:
    return True


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_the_files_are_joined_in_their_order_and_ours_has_the_last_word(tmp_path: Path) -> None:
    for name in (".codefuse/rules.md", "CLAUDE.md", "AGENTS.md", ".cursorrules", ".github/copilot-instructions.md"):
        write(tmp_path, name, f"Rule of {name}.\n")
    found = Rules().of([tmp_path], everything, 10_000)
    assert found.text == "\n\n".join(
        f"The project's rules, from {name}:\nRule of {name}."
        for name in ("AGENTS.md", "CLAUDE.md", ".github/copilot-instructions.md", ".cursorrules", ".codefuse/rules.md")
    )
    assert found.cut == ()


def test_what_two_files_say_alike_is_said_once(tmp_path: Path) -> None:
    write(tmp_path, "AGENTS.md", "Use tabs.\n")
    (tmp_path / "CLAUDE.md").symlink_to("AGENTS.md")
    write(tmp_path, "GEMINI.md", "@AGENTS.md\n\nUse tabs.\n")
    assert Rules().of([tmp_path], everything, 10_000).text.count("Use tabs.") == 1


def test_of_cursors_rules_those_that_always_apply_are_told_without_their_head(tmp_path: Path) -> None:
    write(tmp_path, ".cursor/rules/always.mdc", "---\ndescription: x\nalwaysApply: true\n---\nBe kind.\n")
    write(tmp_path, ".cursor/rules/some.mdc", "---\nglobs: *.ts\nalwaysApply: false\n---\nOnly in TypeScript.\n")
    text = Rules().of([tmp_path], everything, 10_000).text
    assert text == "The project's rules, from .cursor/rules/always.mdc:\nBe kind."


def test_a_file_that_may_not_be_read_is_not(tmp_path: Path) -> None:
    write(tmp_path, "AGENTS.md", "Secret.\n")
    assert Rules().of([tmp_path], lambda path: False, 10_000).text == ""


def test_long_rules_are_cut_at_a_line_and_named(tmp_path: Path) -> None:
    write(tmp_path, "AGENTS.md", "".join(f"Rule {n}.\n" for n in range(500)))
    write(tmp_path, ".codefuse/rules.md", "The last word.\n")
    found = Rules().of([tmp_path], everything, 400)
    assert len(found.text) <= 400 and found.text.endswith(".") and "Rule 0." in found.text
    assert found.cut == ("AGENTS.md", ".codefuse/rules.md")


def test_a_change_is_seen_and_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    path = write(tmp_path, "AGENTS.md", "Old.\n")
    rules = Rules()
    assert rules.of([tmp_path], everything, 1000).text.endswith("Old.")
    stamp = path.stat()
    path.write_text("New.\n")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # as if nothing had happened
    assert rules.of([tmp_path], everything, 1000).text.endswith("Old.")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns + 1_000_000))
    assert rules.of([tmp_path], everything, 1000).text.endswith("New.")


def test_a_pipe_and_a_folder_are_no_rules(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "AGENTS.md")
    (tmp_path / "CLAUDE.md").mkdir()
    assert Rules().of([tmp_path], everything, 1000).text == ""


def test_the_nearest_rules_below_the_workspace_hold_for_a_file(tmp_path: Path) -> None:
    write(tmp_path, "AGENTS.md", "Of all.\n")
    near = write(tmp_path, "web/AGENTS.md", "Of the web.\n")
    rules = Rules()
    assert rules.near(tmp_path / "web" / "src" / "a.ts", tmp_path, everything) == (near, "Of the web.")
    assert rules.near(tmp_path / "core" / "a.ts", tmp_path, everything) is None
    assert rules.near(tmp_path.parent / "a.ts", tmp_path, everything) is None


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(RULE_FILES[:5]), st.text("ab\n", max_size=300)), st.integers(0, 500))
def test_the_rules_are_never_longer_than_is_allowed(tmp_path: Path, files: dict[str, str], most: int) -> None:
    for name in RULE_FILES[:5]:
        write(tmp_path, name, files.get(name, ""))
    assert len(Rules().of([tmp_path], everything, most).text) <= most
