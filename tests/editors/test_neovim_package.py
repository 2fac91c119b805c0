"""The Neovim plugin as those read it who work on it: of one layout, without mistakes, and annotated for LuaLS."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parents[2] / "editors" / "nvim"
FILES = sorted(PLUGIN.rglob("*.lua"))
STYLUA = Path(os.environ.get("CODEFUSE_EDITORS") or Path.home() / ".cache" / "codefuse-editors") / "stylua"


def test_it_is_laid_out_as_stylua_has_it() -> None:
    node = shutil.which("node")
    if node is None or not (STYLUA / "package.json").exists():
        pytest.skip("NO STYLUA: tests/editors/neovim/install.sh brings it where there is npm")
    script = Path(__file__).parent / "neovim" / "stylua.cjs"
    ran = subprocess.run([node, script, STYLUA, *FILES], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stdout + ran.stderr


def test_luacheck_finds_nothing() -> None:
    luacheck = shutil.which("luacheck")
    if luacheck is None:
        pytest.skip("NO LUACHECK: the package is lua-check on Debian")
    command = [luacheck, "--no-color", "lua", "plugin"]
    ran = subprocess.run(command, cwd=PLUGIN, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PLUGIN)))
def test_what_functions_take_is_annotated(path: Path) -> None:
    """Of functions with a name: each parameter that is used has its type, in their order."""
    heads = re.finditer(
        r"((?:^[ ]*---.*\n)*)^[ ]*(?:local )?function ([\w.:]+)\(([^)]*)\)", path.read_text("utf-8"), re.MULTILINE
    )
    for comment, name, parameters in (head.groups() for head in heads):
        wanted = [one.strip() for one in parameters.split(",") if one.strip() and not one.strip().startswith("_")]
        if "---" not in comment and not name.startswith("M"):
            continue  # small ones inside of others, whose types are inferred
        annotated = re.findall(r"^\s*---@param (\w+|\.\.\.)", comment, re.MULTILINE)
        assert annotated == wanted or not wanted, f"{name}({parameters})"
