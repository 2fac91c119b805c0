"""Where the tests of a source file go, and how they name it.

Input: the path of the source, the workspace's root, and two questions that may be asked of the workspace: whether a
path exists, and what a small file holds. Output: a `TestFile`. Does no I/O itself; knows nothing of what is in a test.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, ClassVar

Exists = Callable[[PurePath], bool]
Read = Callable[[PurePath], str | None]

_JS_LANGUAGES = frozenset({"javascript", "javascriptreact", "typescript", "typescriptreact"})
_JS_CONFIGS = {
    "vitest": tuple(f"vitest.config.{suffix}" for suffix in ("ts", "js", "mts", "mjs", "cts", "cjs")),
    "jest": tuple(f"jest.config.{suffix}" for suffix in ("js", "ts", "cjs", "mjs", "json")),
}
_JS_FRAMEWORKS = ("vitest", "jest", "mocha")
_JS_SCRIPTS = (("vitest", "vitest"), ("jest", "jest"), ("mocha", "mocha"), ("node --test", "node:test"))
DEFAULT_JS_FRAMEWORK = "vitest"
_PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")
_TEST_FOLDERS = ("tests", "test")


@dataclass(frozen=True, slots=True)
class TestFile:
    """A place for tests: its path, the framework, whether it is there already, and whether it is the source itself."""

    __test__: ClassVar[bool] = False  # not a test case, in spite of its name

    path: PurePath
    framework: str
    exists: bool
    in_source: bool = False


def test_file_for(
    source: PurePath,
    root: PurePath | None,
    language: str,
    exists: Exists,
    read: Read = lambda _: None,
) -> TestFile:
    """Return where tests of `source` go: the file that holds them already, else a new one by the language's custom."""
    root = root if root is not None and source.is_relative_to(root) else source.parent
    if language == "rust":  # The Rust Book, ch. 11.3: unit tests live in the file they test
        return TestFile(source, "cargo test", exists=True, in_source=True)
    framework = js_framework(source, root, exists, read) if language in _JS_LANGUAGES else _FRAMEWORKS.get(language, "")
    if _is_test(source):
        return TestFile(source, framework, exists=exists(source), in_source=True)
    places = list(_PLACES.get(language, _elsewhere)(source, root, exists))
    there = next((place for place in places[:-1] if exists(place)), None)
    return TestFile(there or places[-1], framework, exists=there is not None or exists(places[-1]))


def js_framework(source: PurePath, root: PurePath, exists: Exists, read: Read) -> str:
    """Return the test framework of a JavaScript project, from the nearest configuration that tells one."""
    for folder in _folders_up(source.parent, root):
        for name, configs in _JS_CONFIGS.items():
            if any(exists(folder / config) for config in configs):
                return name
        package = _json(read(folder / "package.json"))
        scripts = package.get("scripts")
        script = str(scripts.get("test", "")) if isinstance(scripts, dict) else ""
        named = {key for part in ("dependencies", "devDependencies") for key in package.get(part) or ()}
        found = next((n for call, n in _JS_SCRIPTS if call in script), None) or next(
            (n for n in _JS_FRAMEWORKS if n in named or n in package), None
        )
        if found:
            return found
    return DEFAULT_JS_FRAMEWORK


def module_of(source: PurePath, test: PurePath, root: PurePath | None, language: str, exists: Exists) -> str:
    """Return what a test imports `source` as: a dotted module (Python), a relative path (JavaScript), else ''."""
    if language == "python":
        return python_module(source, root, exists)
    if language in _JS_LANGUAGES:
        path = os.path.relpath(source.with_suffix(""), test.parent).replace("\\", "/")
        path = path.removesuffix("/index") if source.stem == "index" else path
        # Node resolves ES modules by their full name; everything else, and every bundler, without the suffix
        path += source.suffix if source.suffix in (".mjs", ".cjs") else ""
        return path if path.startswith("..") else f"./{path}"
    return ""


def python_module(source: PurePath, root: PurePath | None, exists: Exists) -> str:
    """Return the dotted name that `source` is imported by: from its packages, else from `src/` or the root down."""
    root = root if root is not None and source.is_relative_to(root) else source.parent
    folder = source.parent
    if exists(folder / "__init__.py"):
        while folder != folder.parent and exists(folder / "__init__.py"):
            folder = folder.parent
    else:
        inside = folder.relative_to(root).parts
        base = len(inside) - inside[::-1].index("src") if "src" in inside else 0
        folder = root.joinpath(*inside[:base])
    parts = [*source.parent.relative_to(folder).parts, *([] if source.stem == "__init__" else [source.stem])]
    while len(parts) > 1 and not parts[0].isidentifier():  # `my-scripts/x.py` can only be imported from its own folder
        parts.pop(0)
    return ".".join(parts)


def _is_test(path: PurePath) -> bool:
    stem = path.stem.lower()
    return (
        bool(re.search(r"^test_|_test$|[._](test|spec)$", stem))
        or (path.suffix in (".java", ".kt") and path.stem.endswith(("Test", "Tests")))
        or path.parent.name == "__tests__"
    )


def _python_places(source: PurePath, root: PurePath, exists: Exists) -> Iterator[PurePath]:
    name = f"test_{source.parent.name if source.stem == '__init__' else source.stem}.py"
    project = next((f for f in _folders_up(source.parent, root) if _is_python_project(f, exists)), root)
    inside = [part for part in source.parent.relative_to(project).parts if part != "src"]
    near = [source.parent / folder / name for folder in _TEST_FOLDERS] if source.parent != project else []
    yield from [*near, source.parent / name, source.parent / f"{source.stem}_test.py"]
    tests = next((project / folder for folder in _TEST_FOLDERS if exists(project / folder)), None)
    if tests is None:
        new = next((place for place in near if exists(place.parent)), source.parent / name)
        yield new
        return
    mirrored = [tests.joinpath(*parts) for parts in (inside, inside[1:]) if parts]
    yield from (folder / name for folder in [*mirrored, tests / "unit", tests])
    yield next((folder for folder in mirrored if exists(folder)), tests) / name


def _is_python_project(folder: PurePath, exists: Exists) -> bool:
    return any(exists(folder / name) for name in (*_TEST_FOLDERS, *_PROJECT_FILES))


def _js_places(source: PurePath, root: PurePath, exists: Exists) -> Iterator[PurePath]:
    folder, stem, suffix = source.parent, source.stem, source.suffix
    names = [f"{stem}.test{suffix}", f"{stem}.spec{suffix}"]
    inside = [part for part in folder.relative_to(root).parts if part != "src"]
    apart = [root.joinpath(tests, *parts) for tests in _TEST_FOLDERS for parts in (inside, [])]
    for place in (folder, folder / "__tests__", *apart):
        yield from (place / name for name in names)
    yield (folder / "__tests__" if exists(folder / "__tests__") else folder) / names[0]


def _go_places(source: PurePath, root: PurePath, exists: Exists) -> Iterator[PurePath]:
    yield source.with_name(f"{source.stem}_test.go")  # `go help test`: files whose names match *_test.go, same package


def _jvm_places(source: PurePath, root: PurePath, exists: Exists) -> Iterator[PurePath]:
    """Yield places by Maven's standard directory layout, which Gradle shares: src/main/java -> src/test/java."""
    parts = list(source.parent.parts)
    for i in range(len(parts) - 2, 0, -1):
        if parts[i - 1] == "src" and parts[i] == "main":
            parts[i] = "test"
            break
    folder = type(source)(*parts)
    yield from (folder / f"{source.stem}{end}{source.suffix}" for end in ("Test", "Tests", "IT"))
    yield folder / f"{source.stem}Test{source.suffix}"


def _elsewhere(source: PurePath, root: PurePath, exists: Exists) -> Iterator[PurePath]:
    yield source.with_name(f"{source.stem}_test{source.suffix}")


_FRAMEWORKS = {"python": "pytest", "go": "go test", "java": "JUnit", "kotlin": "JUnit"}
_PLACES: dict[str, Callable[[PurePath, PurePath, Exists], Iterator[PurePath]]] = {
    "python": _python_places,
    "go": _go_places,
    "java": _jvm_places,
    "kotlin": _jvm_places,
    **dict.fromkeys(_JS_LANGUAGES, _js_places),
}


def _folders_up(folder: PurePath, root: PurePath) -> Iterator[PurePath]:
    """Yield `folder` and the folders round it, as far as the root."""
    yield folder
    while folder != root and folder != folder.parent:
        folder = folder.parent
        yield folder


def _json(text: str | None) -> dict[str, Any]:
    try:
        table = json.loads(text or "{}")
    except ValueError:
        return {}
    return table if isinstance(table, dict) else {}
