"""A commit message from what is staged: git is asked safely, and what is private stays so."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from codefuse_lsp.evaluation.editor import EditorError
from tests.e2e.conftest import OpenWindow
from tests.e2e.far_end import FarEnd
from tests.e2e.test_bare_editors import EDITORS

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "AKIA" + "Q3EXAMPLE7Z4BCDE"


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True, env=environment)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit and something staged, a secret file among it."""
    git(tmp_path, "init", "-q")
    (tmp_path / "area.py").write_text("def area(w, h):\n    return w + h\n", "utf-8")
    git(tmp_path, "add", "area.py")
    git(tmp_path, "commit", "-q", "-m", "Tell the area of a pizza")
    (tmp_path / "area.py").write_text(f"KEY = '{SECRET}'\n\ndef area(w, h):\n    return w * h\n", "utf-8")
    (tmp_path / ".env").write_text("PASSWORD=hunter2hunter2\n", "utf-8")
    (tmp_path / "größe 1.txt").write_text("one\n", "utf-8")
    git(tmp_path, "add", "-f", ".")
    (tmp_path / "area.py").write_text("not staged\n", "utf-8")
    return tmp_path


async def test_the_message_is_made_from_what_is_staged_and_nothing_private(
    open_window: OpenWindow, far_end: FarEnd, repository: Path
) -> None:
    far_end.says("Here is the commit message:\n\n```\nMultiply ", "instead of adding\n\nThe area is a product.\n```")
    window = await open_window(repository)
    params = {"uri": (repository / "area.py").as_uri(), "partialResultToken": "message"}
    result = await window.request("codefuse/commitMessage", params)
    assert result["message"] == "Multiply instead of adding\n\nThe area is a product."
    (left_out,) = result["leftOut"]
    assert left_out.startswith("The changes of .env were left out.")
    prompt = far_end.asked[0].prompt
    assert "-    return w + h\n+    return w * h" in prompt and "größe 1.txt" in prompt
    assert "- Tell the area of a pizza" in prompt
    assert SECRET not in prompt and "hunter2" not in prompt and "not staged" not in prompt
    deltas = [value["value"]["text"] for value in window.heard["$/progress"] if value["token"] == "message"]
    assert "Multiply instead of adding" in "".join(deltas)


async def test_a_hostile_repository_runs_nothing(open_window: OpenWindow, far_end: FarEnd, repository: Path) -> None:
    proof = repository / "proof"
    script = repository / "evil.sh"
    script.write_text(f"#!/bin/sh\necho ran >> {proof}\ncat\n", "utf-8")
    script.chmod(0o755)
    for name in (
        "core.fsmonitor",
        "diff.external",
        "diff.evil.textconv",
        "diff.evil.command",
        "core.pager",
        "pager.diff",
    ):
        git(repository, "config", name, str(script))
    git(repository, "config", "log.showSignature", "true")
    git(repository, "config", "gpg.program", str(script))
    git(repository, "config", "core.hooksPath", str(repository))
    (repository / ".git" / "info").mkdir(exist_ok=True)
    (repository / ".git" / "info" / "attributes").write_text("*.py diff=evil filter=evil\n", "utf-8")
    git(repository, "config", "filter.evil.clean", str(script))
    far_end.says("Multiply")
    window = await open_window(repository)
    assert (await window.request("codefuse/commitMessage", None))["message"] == "Multiply"
    assert "return w * h" in far_end.asked[0].prompt
    assert not proof.exists()


@pytest.mark.parametrize("staged", [False, True])
async def test_nothing_to_write_about_is_said(
    open_window: OpenWindow, far_end: FarEnd, tmp_path: Path, staged: bool
) -> None:
    git(tmp_path, "init", "-q")
    if staged:
        (tmp_path / ".env").write_text("A=1\n", "utf-8")
        git(tmp_path, "add", "-f", ".env")
    window = await open_window()
    with pytest.raises(EditorError, match="Nothing is staged") as refusal:
        await window.request("codefuse/commitMessage", {"uri": tmp_path.as_uri()})
    assert (".env were left out" in str(refusal.value)) is staged
    assert far_end.asked == []


async def test_a_folder_without_a_repository_is_named(open_window: OpenWindow, far_end: FarEnd, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    window = await open_window()
    with pytest.raises(EditorError, match="plain is in no git repository"):
        await window.request("codefuse/commitMessage", {"uri": folder.as_uri()})


async def test_a_diff_of_the_clients_is_filtered_by_the_same_rules(
    open_window: OpenWindow, far_end: FarEnd, tmp_path: Path
) -> None:
    part = "diff --git a/{0} b/{0}\n--- a/{0}\n+++ b/{0}\n@@ -1 +1 @@\n-{1}\n+{2}\n"
    far_end.says("Rename it")
    window = await open_window()
    diff = part.format("a.py", "old", "new") + part.format("keys/id_rsa", "hidden1", "hidden2")
    result = await window.request("codefuse/commitMessage", {"diff": diff})
    assert result["message"] == "Rename it" and "id_rsa were left out" in result["leftOut"][0]
    assert "+new" in far_end.asked[0].prompt and "hidden" not in far_end.asked[0].prompt


async def test_changes_that_do_not_fit_are_shortened_and_told(
    open_window: OpenWindow, far_end: FarEnd, tmp_path: Path
) -> None:
    part = "diff --git a/{0} b/{0}\n--- a/{0}\n+++ b/{0}\n@@ -0,0 +1,9 @@\n{1}"
    long = "".join(f"+line {n} of a long file\n" for n in range(2000))
    far_end.says("Add much")
    window = await open_window()
    diff = part.format("long.py", long) + part.format("short.py", "+short line\n")
    result = await window.request("codefuse/commitMessage", {"diff": diff})
    assert result["leftOut"] == ["The end of the changes of long.py did not fit the model's context."]
    prompt, most = far_end.asked[0].prompt, far_end.asked[0].body["max_tokens"]
    assert "+short line" in prompt and "+line 0 " in prompt and len(prompt) // 2 + most <= 4096


async def test_a_message_that_was_cut_ends_with_a_whole_line_and_that_is_told(
    open_window: OpenWindow, far_end: FarEnd
) -> None:
    window = await open_window()
    diff = "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-old\n+new\n"
    far_end.says("Rename it\n\nThe old name said nothing.\nThe new one sa", reason="length")
    result = await window.request("codefuse/commitMessage", {"diff": diff})
    assert result["message"] == "Rename it\n\nThe old name said nothing."
    assert result["leftOut"] == ["The message was cut after 256 tokens, and its last line was left out."]
    far_end.says("Rename it because the", reason="length")
    with pytest.raises(EditorError, match="no message; please ask again"):
        await window.request("codefuse/commitMessage", {"diff": diff})


async def test_gits_message_editor_gets_an_action(open_window: OpenWindow, far_end: FarEnd, repository: Path) -> None:
    far_end.says("Multiply instead of adding")
    window = await open_window(repository)
    uri = (repository / ".git" / "COMMIT_EDITMSG").as_uri()
    window.open(uri, "git-commit", "\n# Please enter the commit message\n")
    (action,) = await window.actions(uri, {"line": 0, "character": 0})
    assert action["title"] == "CodeFuse: Write commit message"
    resolved: Any = await window.request("codeAction/resolve", action)
    (change,) = resolved["edit"]["documentChanges"]
    assert change["textDocument"] == {"uri": uri, "version": 1}
    assert change["edits"][0]["newText"] == "Multiply instead of adding"


async def test_a_client_without_versioned_edits_gets_the_message_in_a_plain_one(
    open_window: OpenWindow, far_end: FarEnd, repository: Path
) -> None:
    far_end.says("Multiply instead of adding")
    window = await open_window(
        repository, client=EDITORS["kate"], listeners={"workspace/applyEdit": lambda params: {"applied": True}}
    )
    uri = (repository / ".git" / "COMMIT_EDITMSG").as_uri()
    window.open(uri, "git-commit", "\n# Please enter the commit message\n")
    (action,) = await window.actions(uri, {"line": 0, "character": 0})
    assert await window.run_command(action["command"]) is True
    (asked,) = window.heard["workspace/applyEdit"]
    assert list(asked["edit"]) == ["changes"]
    assert [change["newText"] for change in asked["edit"]["changes"][uri]] == ["Multiply instead of adding"]
