"""The manifest of the VS Code extension says what the server says, and the extension holds what it needs."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest

from codefuse_lsp import config
from codefuse_lsp.config import Scope
from codefuse_lsp.lsp.features import build
from tests.editors import vscode_settings
from tests.editors.vscode_settings import MANIFEST, camel_case

FOLDER = MANIFEST.parent
MANIFEST_TEXT = MANIFEST.read_text("utf-8")


def manifest() -> Any:
    return json.loads(MANIFEST_TEXT)


def properties() -> dict[str, Any]:
    sections = manifest()["contributes"]["configuration"]
    return {name: schema for section in sections for name, schema in section["properties"].items()}


def test_every_setting_of_the_server_can_be_set_in_the_editor() -> None:
    assert manifest()["contributes"]["configuration"] == vscode_settings.sections(), (
        "run `python -m tests.editors.vscode_settings`, then `npm run format` in editors/vscode"
    )


def test_a_workspace_can_set_what_the_server_lets_it_set_and_nothing_else() -> None:
    workspaces = {f"codefuse.{camel_case(name)}" for name in config.names(Scope.WORKSPACE)}
    assert {name for name, schema in properties().items() if schema["scope"] != "machine"} == workspaces


def test_names_on_the_settings_page_are_those_that_the_server_reads() -> None:
    names = [name.removeprefix("codefuse.") for name in properties() if name.count(".") == 1]
    assert {config.snake_case(name) for name in names} == set(config.names())


def test_no_default_of_the_servers_is_held_twice() -> None:
    assert {json.dumps(schema.get("default")) for schema in properties().values()} == {"null"}


def test_the_model_and_its_prompts_are_the_servers_to_name() -> None:
    sources = [*FOLDER.glob("src/**/*.ts"), *FOLDER.glob("webview/*.ts")]
    assert sources
    for path in sources:
        assert not re.search(r"smollm|codellama|role_start|system_prompt", path.read_text("utf-8"), re.IGNORECASE), path


def test_every_command_that_is_declared_exists() -> None:
    declared = {command["command"] for command in manifest()["contributes"]["commands"]}
    named = set(re.findall(r"'(codefuse\.[\w.]+)'", (FOLDER / "src" / "commands.ts").read_text("utf-8")))
    assert declared <= named
    assert {binding["command"] for binding in manifest()["contributes"]["keybindings"]} <= named


def test_keys_by_which_screen_readers_read_stay_theirs() -> None:
    arrows = [one for one in manifest()["contributes"]["keybindings"] if one["key"].endswith("right")]
    assert arrows and all("!accessibilityModeEnabled" in one["when"] for one in arrows)


def test_a_workspace_that_is_not_trusted_is_served_with_what_runs_nothing_of_it() -> None:
    assert manifest()["capabilities"]["untrustedWorkspaces"]["supported"] == "limited"
    assert manifest()["extensionKind"] == ["workspace"]  # beside the code, in a remote window too


def test_no_command_is_called_as_one_of_the_servers() -> None:
    """The client registers those of the server under their own names, and a name can be registered once."""
    servers = set(build(config.Settings()).protocol.fm.commands)
    declared = {command["command"] for command in manifest()["contributes"]["commands"]}
    assert len(servers) > 5 and not servers & declared


def test_what_is_installed_comes_from_wherever_npm_is_told_to_look() -> None:
    lock = json.loads((FOLDER / "package-lock.json").read_text("utf-8"))
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]


@pytest.mark.skipif(not (FOLDER / "dist" / "extension.js").exists(), reason="NO BUNDLE: run `npm run build`")
def test_bundles_are_small_and_what_is_loaded_at_once_is_smaller() -> None:
    sizes = {path.name: path.stat().st_size for path in (FOLDER / "dist").iterdir() if path.suffix in {".js", ".css"}}
    assert sum(sizes.values()) < 1_000_000
    assert sizes["extension.js"] < 100_000  # without the client, so that it is up in a moment


@pytest.mark.skipif(not (FOLDER / "node_modules").exists(), reason="NO TOOLS: run `npm ci` in editors/vscode")
@pytest.mark.parametrize("script", ["check", "test"])
def test_its_types_its_layout_and_its_own_tests_hold(script: str) -> None:
    done = subprocess.run(["npm", "run", script], cwd=FOLDER, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_picture_and_page_that_is_shown_is_there() -> None:
    shown = re.findall(r"!\[[^]]*\]\(([^)]+)\)", (FOLDER / "README.md").read_text("utf-8"))
    steps = [step for walk in manifest()["contributes"]["walkthroughs"] for step in walk["steps"]]
    pages = [step["media"]["markdown"] for step in steps]
    assert shown and pages
    for path in [*shown, *pages, manifest()["icon"]]:
        assert (FOLDER / path).exists(), path
