"""The arrows of the house: which room may use which."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import codefuse_lsp

ROOT = Path(codefuse_lsp.__file__).parent

EVERYONE = {"config", "errors"}
ROOMS: dict[str, set[str]] = {
    "errors": set(),
    "config": {"errors"},
    "context": set(),
    "edits": {"context", "prompts"},
    "markdown": set(),
    "chat_document": {"markdown"},
    "prompts": {"context", "markdown"},
    "generation": set(),
    "conversations": {"chat_document", "markdown"},
    "execution": set(),
    "verification": {"execution", "context"},
    "answers": {"prompts", "context", "generation"},
    "suggestions": {"prompts", "context", "generation"},
    "evaluation": {"suggestions", "prompts", "context", "execution", "generation", "conversations"},
    "worker": {"generation.request"},
    "lsp": {
        "suggestions",
        "prompts",
        "context",
        "generation",
        "conversations",
        "answers",
        "edits",
        "verification",
        "chat_document",
        "markdown",
    },
    "cli": {
        "suggestions",
        "prompts",
        "context",
        "generation",
        "evaluation",
        "execution",
        "answers",
        "cli",
        "lsp",
        "worker",
    },
    "cluster": {"prompts", "worker", "cli"},
    "__main__": {"prompts", "lsp", "worker", "cli"},
}
LATE = {"worker", "lsp"}  # rooms that the command line imports only inside the function that needs them
TORCH = {"torch", "transformers", "accelerate", "safetensors", "gguf"}
EDITOR = {"pygls", "lsprotocol"}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(ROOT.rglob("*.py")):
        relative = path.relative_to(ROOT)
        room = relative.parts[0].removesuffix(".py")
        if room != "__init__":
            yield room, path


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield each imported module's name and whether it is imported when the file is."""
    tree = ast.parse(path.read_text())
    late = {
        id(node)
        for f in ast.walk(tree)
        if isinstance(f, (ast.FunctionDef, ast.AsyncFunctionDef))
        for node in ast.walk(f)
    }
    typing_only = {
        id(node)
        for guard in ast.walk(tree)
        if isinstance(guard, ast.If) and isinstance(guard.test, ast.Name) and guard.test.id == "TYPE_CHECKING"
        for node in ast.walk(guard)
    }
    for node in ast.walk(tree):
        early = id(node) not in late and id(node) not in typing_only
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((f"{node.module}.{alias.name}", early) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, early) for alias in node.names)


@pytest.mark.parametrize(("room", "path"), list(modules()), ids=lambda value: str(getattr(value, "name", value)))
def test_a_module_uses_only_the_rooms_below_it(room: str, path: Path) -> None:
    assert room in ROOMS, f"{path} stands in no known room"
    for name, early in imports(path):
        if not name.startswith("codefuse_lsp."):
            continue
        target = name.removeprefix("codefuse_lsp.")
        used = target.split(".")[0]
        if used in EVERYONE or used == room or used == "__version__":
            continue
        assert any(target == ok or target.startswith(f"{ok}.") for ok in ROOMS[room]), f"{path.name} imports {name}"
        if room in ("cli", "cluster", "__main__") and used in LATE:
            assert not early, f"{path.name} imports {name} before it is needed"


@pytest.mark.parametrize(("room", "path"), list(modules()), ids=lambda value: str(getattr(value, "name", value)))
def test_models_stay_in_the_worker_and_editors_at_the_door(room: str, path: Path) -> None:
    for name, early in imports(path):
        package = name.split(".")[0]
        if package in TORCH:
            assert room == "worker" or (room == "cli" and not early), f"{path.name} imports {name}"
        if package in EDITOR:
            assert room == "lsp" or (room == "cli" and not early), f"{path.name} imports {name}"


def test_the_language_server_has_no_torch_in_it() -> None:
    code = "import sys, codefuse_lsp.lsp.features; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not (TORCH & set(loaded))
    assert "pygls" in loaded


def test_files_are_short_enough_to_read_at_once() -> None:
    long = {path.name: count for _, path in modules() if (count := len(path.read_text().splitlines())) > 300}
    assert not long
