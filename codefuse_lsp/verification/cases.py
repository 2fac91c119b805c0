"""The tests that a text holds, and the text without some of them or with others in their place.

Input: text and an LSP language id. Output: `Case`s, named as the language's runner names them, and texts that still
parse. Knows nothing of what became of a test.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tree_sitter import Node

from codefuse_lsp.context.grammars import LEADING, parse

_JS = frozenset({"javascript", "javascriptreact", "typescript", "typescriptreact"})
_JS_TESTS, _JS_GROUPS = frozenset({"it", "test"}), frozenset({"describe", "suite", "context"})
_BETWEEN = {"python": "::", "rust": "::", **dict.fromkeys(_JS, " > ")}
_GO_TEST = re.compile(r"Test(?![a-z])")  # `go help testfunc`


@dataclass(frozen=True, slots=True)
class Case:
    """One test: its name, and its whole lines from `first` to before `stop`, from 0, with what leads it."""

    name: str
    first: int
    stop: int
    group: str = ""  # the class, `describe` or module that it stands in

    def code(self, text: str) -> str:
        """Return the test as it is written."""
        return "".join(lines_of(text)[self.first : self.stop])


@dataclass(frozen=True, slots=True)
class _Found:
    name: str
    node: Node
    is_group: bool


def lines_of(text: str) -> list[str]:
    """Return the lines as grammars count them, with their ends: other characters that end lines end none here."""
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def cases_in(text: str, language: str) -> list[Case]:
    """Return the tests of a text in their order; none for a language whose tests are not known here."""
    return [case for case, is_group in _parts(text, language) if not is_group]


def without(text: str, language: str, names: Collection[str]) -> str:
    """Return a text without these tests, and without the groups of which nothing is left."""
    parts = _parts(text, language)
    left = {case.name for case, is_group in parts if not is_group and case.name not in names}
    emptied = {
        group.name
        for group, is_group in parts
        if is_group
        and any(_is_in(name, group.name, language) for name in names)
        and not any(_is_in(name, group.name, language) for name in left)
    }
    gone = [
        part
        for part, is_group in parts
        if (part.name in emptied if is_group else part.name in names) and not _inside(part, emptied, language)
    ]
    return _tidied(_replaced(text, dict.fromkeys(gone, "")), text, language)


def with_tests(text: str, language: str, answer: str, names: Sequence[str]) -> str:
    """Return a text in which tests of `answer` stand in place of those called `names`, with what they import.

    A test of another name stands for one that has none of its own, in their order. Those that the answer lacks stay.
    """
    offered = {case.name: case for case in cases_in(answer, language)}
    there = {case.name: case for case in cases_in(text, language)}
    by_last = {name.split(_BETWEEN.get(language, "::"))[-1]: case for name, case in offered.items()}
    chosen: dict[Case, str] = {}
    spare = [case for name, case in offered.items() if name not in there]
    for name in names:
        case = offered.get(name) or by_last.get(name.split(_BETWEEN.get(language, "::"))[-1])
        if case is None and spare:
            case = spare.pop(0)
        if case is not None and name in there:
            if case in spare:
                spare.remove(case)
            chosen[there[name]] = _indented_as(case.code(answer), there[name].code(text))
    return with_imports(_replaced(text, chosen), answer, language) if chosen else text


def with_imports(text: str, answer: str, language: str) -> str:
    """Return a text with the imports of `answer` that it lacks, before its own first statement."""
    if language == "go":
        return _with_go_imports(text, answer)
    wanted = [line for line in _import_lines(answer, language) if line not in text]
    if not wanted:
        return text
    lines = text.splitlines(keepends=True)
    known = [row for row, line in enumerate(lines) if line.strip() in _import_lines(text, language)]
    head = next((row for row, line in enumerate(lines) if line.strip()), 0)
    at = known[0] if known else next((row for row, line in enumerate(lines) if "use super::*;" in line), head)
    while at < len(lines) and lines[at].startswith("from __future__"):
        at += 1
    indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())] if at < len(lines) else ""
    gap = "" if known or at != head else "\n\n" if language == "python" else "\n"
    return "".join([*lines[:at], *(f"{indent}{line}\n" for line in wanted), gap, *lines[at:]])


@lru_cache(maxsize=16)  # the few texts of one action are asked about again and again
def _parts(text: str, language: str) -> tuple[tuple[Case, bool], ...]:
    """Return tests and groups of tests, each with whether it is a group."""
    root = parse(text, language)
    walk = _WALKS.get(language)
    if root is None or walk is None:
        return ()
    return tuple((_case(found, language), found.is_group) for found in walk(root, ""))


def _case(found: _Found, language: str) -> Case:
    first = node = found.node
    while (before := first.prev_sibling) is not None and before.type in LEADING and not _shares_row(before):
        if before.end_point.row < first.start_point.row - 1:
            break
        first = before
    group = found.name.rpartition(_BETWEEN.get(language, "::"))[0]
    return Case(found.name, first.start_point.row, node.end_point.row + 1, group)


def _shares_row(comment: Node) -> bool:
    """Return whether a comment stands behind something on its line, to which it belongs."""
    before = comment.prev_sibling
    return before is not None and before.end_point.row == comment.start_point.row and before.type not in LEADING


def _python(node: Node, owner: str) -> Iterator[_Found]:
    for child in node.named_children:
        inner = child.child_by_field_name("definition") if child.type == "decorated_definition" else child
        name = _text(inner.child_by_field_name("name")) if inner is not None else ""
        if inner is None or not name:
            continue
        path = f"{owner}::{name}" if owner else name
        if inner.type == "function_definition" and name.startswith("test"):
            yield _Found(path, child, is_group=False)
        elif inner.type == "class_definition" and (body := inner.child_by_field_name("body")) is not None:
            inside = list(_python(body, path))
            if inside and (name.startswith("Test") or "TestCase" in _text(inner.child_by_field_name("superclasses"))):
                yield _Found(path, child, is_group=True)
                yield from inside


def _javascript(node: Node, owner: str) -> Iterator[_Found]:
    for child in node.named_children:
        call = child.named_children[0] if child.type == "expression_statement" and child.named_children else None
        if call is None or call.type != "call_expression":
            continue
        word = re.match(r"\w+", _text(call.child_by_field_name("function")))
        given = call.child_by_field_name("arguments")
        if word is None or given is None or not given.named_children:
            continue
        title = _js_string(given.named_children[0])
        path = f"{owner} > {title}" if owner else title
        if word[0] in _JS_TESTS:
            yield _Found(path, child, is_group=False)
        elif word[0] in _JS_GROUPS:
            yield _Found(path, child, is_group=True)
            body = given.named_children[-1].child_by_field_name("body")
            yield from _javascript(body, path) if body is not None else ()


def _js_string(node: Node) -> str:
    text = _text(node)[1:-1] if node.type in ("string", "template_string") else _text(node)
    return re.sub(r"\\(['\"`\\])", r"\1", text)


def _go(node: Node, owner: str) -> Iterator[_Found]:
    for child in node.named_children:
        name = _text(child.child_by_field_name("name"))
        if child.type == "function_declaration" and _GO_TEST.match(name) and name != "TestMain":
            yield _Found(name, child, is_group=False)


def _rust(node: Node, owner: str) -> Iterator[_Found]:
    attributes = ""
    for child in node.named_children:
        if child.type == "attribute_item":
            attributes += _text(child)
            continue
        name = _text(child.child_by_field_name("name"))
        path = f"{owner}::{name}" if owner else name
        if child.type == "function_item" and re.search(r"\btest\b", attributes):
            yield _Found(path, child, is_group=False)
        elif child.type == "mod_item" and (body := child.child_by_field_name("body")) is not None:
            inside = list(_rust(body, path))
            if inside:
                yield _Found(path, child, is_group=True)
                yield from inside
        if child.type not in LEADING:
            attributes = ""


_WALKS = {"python": _python, "go": _go, "rust": _rust, **dict.fromkeys(_JS, _javascript)}


def _text(node: Node | None) -> str:
    return node.text.decode("utf-8", "replace") if node is not None and node.text is not None else ""


def _is_in(name: str, group: str, language: str) -> bool:
    return name.startswith(group + _BETWEEN.get(language, "::"))


def _inside(part: Case, groups: Collection[str], language: str) -> bool:
    return any(_is_in(part.name, group, language) for group in groups)


def _replaced(text: str, new: Mapping[Case, str]) -> str:
    """Return a text with whole lines replaced; where they go, the blank lines before them go too."""
    lines = lines_of(text)
    for case, code in sorted(new.items(), key=lambda item: item[0].first, reverse=True):
        first = case.first
        while not code and first > 0 and not lines[first - 1].strip():
            first -= 1
        lines[first : case.stop] = lines_of(code)
    return "".join(lines)


def _tidied(text: str, before: str, language: str) -> str:
    """Return a text without the imports that nothing uses any more, which Go refuses and others complain of."""
    for line in _import_lines(before, language):
        names = _names_of(line, language)
        if names and not any(_uses(text, name) for name in names) and any(_uses(before, name) for name in names):
            text = re.sub(rf"^{re.escape(line)}[ \t]*\n", "", text, flags=re.M)
    if language == "go":
        for line, name in _go_imports(before):
            if not re.search(rf"\b{re.escape(name)}\.", text):
                text = re.sub(rf"^(?:import[ \t]+)?[ \t]*{re.escape(line)}[ \t]*\n", "", text, flags=re.M)
        text = re.sub(r"^import \(\s*\)\n+", "", text, flags=re.M)
    return text.lstrip("\n") if not before.startswith("\n") else text


def _indented_as(code: str, model: str) -> str:
    indent = model[: len(model) - len(model.lstrip())].rpartition("\n")[2]
    return textwrap.indent(textwrap.dedent(code), indent)


def _import_lines(text: str, language: str) -> list[str]:
    """Return the statements on one line by which a text imports, as they are written."""
    pattern = {
        "python": r"^(?:import|from)\s+[\w.]+[^\n(]*$",
        "rust": r"^\s*use\s+[^\n;]+;$",
    }.get(language, r"^(?:import\s[^\n]+|(?:const|let|var)\s[^\n]+=\s*require\([^\n]+)$")
    found = [line.strip() for line in re.findall(pattern, text, re.M)]
    return [line for line in dict.fromkeys(found) if line != "use super::*;"]


def _names_of(line: str, language: str) -> list[str]:
    """Return the names that an import makes known, none where that cannot be told."""
    if language == "python":
        names = line.partition(" import ")[2] if line.startswith("from ") else line.removeprefix("import ")
        given = [part.strip().rpartition(" as ")[2] for part in names.partition("#")[0].split(",")]
        return [] if "*" in names or "__future__" in line else [name.partition(".")[0] for name in given]
    braced = re.search(r"(?:import|const|let|var)\s+(?:type\s+)?([^'\"=]+?)\s*(?:from|=)", line)
    return re.findall(r"[\w$]+", re.sub(r"[\w$]+\s+as\s+|[\w$]+\s*:", "", braced[1])) if braced else []


def _uses(text: str, name: str) -> bool:
    """Return whether a name stands in a text outside of its imports."""
    lines = (line for line in text.splitlines() if not re.match(r"\s*(?:import|from)\s|.*\brequire\(", line))
    return any(re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", line) for line in lines)


def _go_imports(text: str) -> list[tuple[str, str]]:
    """Return what a Go file imports, as it is written, and the name that it is used by."""
    blocks = re.findall(r"^import\s*\(([^)]*)\)", text, re.M) + re.findall(r"^import[ \t]+([^(\n]+)$", text, re.M)
    lines = [line.strip() for block in blocks for line in block.splitlines() if line.strip().endswith('"')]
    return [(line, line.partition(" ")[0] if " " in line else line.strip('"').rpartition("/")[2]) for line in lines]


def _with_go_imports(text: str, answer: str) -> str:
    known = [line for line, _ in _go_imports(text)]
    wanted = [line for line, name in _go_imports(answer) if line not in known and re.search(rf"\b{name}\.", text)]
    if not wanted:
        return text
    added = "".join(f"import {line}\n" for line in wanted)
    clause = re.search(r"^package\s+\w+\n+", text, re.M)
    return text[: clause.end()] + added + text[clause.end() :] if clause else text
