"""Which file of the workspace an import means, in Python, JavaScript and TypeScript.

Input: import statements; then two questions that may be asked of the workspace: whether a file exists, and what a small
file holds. Output: `Imported` names and paths. Does no I/O itself; knows nothing of what is in the files.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tree_sitter import Node

from codefuse_lsp.context.grammars import nodes, parse

Exists = Callable[[Path], bool]
Read = Callable[[Path], str | None]

PYTHON = frozenset({"python"})
SCRIPT = frozenset({"javascript", "javascriptreact", "typescript", "typescriptreact"})
# The Node.js and TypeScript handbooks, "module resolution"; a `.js` in an import may be a `.ts` on disk
_SCRIPT_SUFFIXES = (".ts", ".tsx", ".d.ts", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs")
_WRITTEN_FOR = {".js": (".ts", ".tsx"), ".jsx": (".tsx",), ".mjs": (".mts",), ".cjs": (".cts",)}
_SOURCE_FOLDERS = ("src", "lib", "python")  # beside the tests and the project's file
_JSON_COMMENT = re.compile(r'("(?:[^"\\]|\\.)*+")|//[^\n]*+|/\*.*?\*/|,(?=\s*[}\]])', re.DOTALL)
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Imported:
    """One import: `module` as it is written, and `names` from it, or none for the module itself; '*' is all."""

    module: str
    names: tuple[str, ...] = ()


def imported(text: str, language: str) -> list[Imported]:
    """Return what the import statements of a text import, in their order."""
    root = parse(text, language)
    if root is None:
        return []
    return list(_python_imports(root) if language in PYTHON else _script_imports(root))


def module_files(found: Imported, importer: Path, roots: Sequence[Path], language: str, ask: Asker) -> list[Path]:
    """Return the files that an import may mean, the most likely first; those that exist, and inside `roots`."""
    places = _python_places if language in PYTHON else _script_places
    return [path for path in dict.fromkeys(places(found, importer, roots, ask)) if ask.exists(path)]


@dataclass(frozen=True, slots=True)
class Asker:
    """What may be asked of the workspace."""

    exists: Exists
    read: Read


def _python_imports(root: Node) -> Iterator[Imported]:
    for node in nodes(root):
        if node.type == "import_statement":
            yield from (Imported(_name(name)) for name in node.children_by_field_name("name"))
        elif node.type == "import_from_statement" and (module := node.child_by_field_name("module_name")):
            names = tuple(_name(name) for name in node.children_by_field_name("name"))
            wild = any(child.type == "wildcard_import" for child in node.children)
            yield Imported(_text(module).replace(" ", ""), ("*",) if wild else names)


def _script_imports(root: Node) -> Iterator[Imported]:
    for node in nodes(root):
        if node.type in ("import_statement", "export_statement"):
            source = node.child_by_field_name("source")
            if source is None:
                continue
            inside = list(nodes(node))
            specifiers = [n for n in inside if n.type in ("import_specifier", "export_specifier")]
            names = [_name(n.child_by_field_name("name")) for n in specifiers]
            clause = next((n for n in inside if n.type == "import_clause"), None)
            if clause is not None and any(child.type == "identifier" for child in clause.children):
                names.insert(0, DEFAULT)
            is_whole = any(n.type in ("namespace_import", "*") for n in inside)
            yield Imported(_unquoted(source), ("*",) if is_whole and not names else tuple(names))
        elif node.type == "call_expression" and _text(node.child_by_field_name("function")) == "require":
            strings = [n for n in nodes(node) if n.type == "string"]
            target = node.parent.child_by_field_name("name") if node.parent is not None else None
            names = [_text(n) for n in nodes(target) if "identifier_pattern" in n.type] if target is not None else []
            yield from (Imported(_unquoted(s), tuple(names) or ("*",)) for s in strings[:1])


def _python_places(found: Imported, importer: Path, roots: Sequence[Path], ask: Asker) -> Iterator[Path]:
    """Yield places by the import system's rules; the search path is guessed: each folder above, and its `src`."""
    dots = len(found.module) - len(found.module.lstrip("."))
    parts = [part for part in found.module[dots:].split(".") if part]
    above = [folder for folder in importer.parents if any(folder.is_relative_to(root) for root in roots)]
    if dots:
        bases = above[dots - 1 : dots]
    else:
        bases = [base for folder in above for base in (folder, *(folder / name for name in _SOURCE_FOLDERS))]
    for base in bases:
        module = base.joinpath(*parts)
        for name in found.names:
            yield from (module / f"{name}.py", module / name / "__init__.py")
        if parts:
            yield module.with_name(f"{module.name}.py")
        yield module / "__init__.py"
        if parts:
            yield module.with_name(f"{module.name}.pyi")


def _script_places(found: Imported, importer: Path, roots: Sequence[Path], ask: Asker) -> Iterator[Path]:
    if found.module.startswith("."):
        yield from _script_files(_normal(importer.parent / found.module))
        return
    for folder in importer.parents:
        if not any(folder.is_relative_to(root) for root in roots):
            return
        for name in ("tsconfig.json", "jsconfig.json"):
            if ask.exists(folder / name):
                yield from _mapped(found.module, folder, ask.read(folder / name))
                return


def _script_files(path: Path) -> Iterator[Path]:
    if path.suffix in _SCRIPT_SUFFIXES:
        yield from (path.with_suffix(suffix) for suffix in _WRITTEN_FOR.get(path.suffix, ()))
        yield path
    yield from (path.with_name(path.name + suffix) for suffix in _SCRIPT_SUFFIXES)
    yield from (path / f"index{suffix}" for suffix in _SCRIPT_SUFFIXES)


def _mapped(module: str, folder: Path, config: str | None) -> Iterator[Path]:
    """Yield the files that `paths` and `baseUrl` of a tsconfig.json give a module (tsconfig reference)."""
    try:
        table = json.loads(_JSON_COMMENT.sub(lambda match: match[1] or "", config or "{}"))
        options = table.get("compilerOptions", {})
        paths, base = options.get("paths", {}), folder / options.get("baseUrl", ".")
        for pattern, targets in paths.items():
            head, star, tail = pattern.partition("*")
            if module == pattern or (star and module.startswith(head) and module.endswith(tail)):
                middle = module[len(head) : len(module) - len(tail)] if star else ""
                for target in targets:
                    yield from _script_files(_normal(base / target.replace("*", middle)))
        if "baseUrl" in options:
            yield from _script_files(_normal(base / module))
    except (ValueError, AttributeError, TypeError):  # not a configuration
        return


def _normal(path: Path) -> Path:
    return Path(os.path.normpath(path))


def _name(node: Node | None) -> str:
    """Return the name that is imported, not the one that it gets here."""
    if node is not None and node.type == "aliased_import":
        node = node.child_by_field_name("name")
    return _text(node)


def _text(node: Node | None) -> str:
    return ((node.text if node is not None else None) or b"").decode("utf-8", "replace")


def _unquoted(node: Node) -> str:
    return _text(node).strip("\"'`")
