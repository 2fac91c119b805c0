"""Names that a function uses and nothing defines: what the code round a cursor still wants.

Input: a tree, a row, and the names that hold everywhere in the file. Output: the undefined names of the function round
the row, or outside of any those of the file, in the order of their first use. Python, whose scopes tell it without
types (The Python Language Reference, section 4.2); of other languages nothing is said. The order is the text's: what
only a later line defines counts as undefined, as it is the first time round a loop. Knows nothing of what is done
about it.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Node

from codefuse_lsp.context.grammars import nodes, parse

LANGUAGES = frozenset({"python"})
MAX_CHARS = 400_000  # of a text; a longer one was made by a machine
MOST_DEEP = 150  # nodes inside each other; what lies deeper is not looked at
_GIVEN = frozenset({*dir(builtins), "__file__", "__path__", "__class__", "__annotations__", "__builtins__", "_"})
_STAR_IMPORT = re.compile(r"^[ \t]*from[ \t]+\S+[ \t]+import[ \t]*\(?[ \t]*\*", re.MULTILINE)
_IMPORTS = ("import_statement", "import_from_statement", "future_import_statement")
_COMPREHENSIONS = ("list_comprehension", "set_comprehension", "dictionary_comprehension", "generator_expression")
_SCOPES = ("function_definition", "class_definition", "lambda")
_FOREIGN = ("attribute", "subscript", "call")  # on the left of `=`: nothing is bound
_CLAUSES = ("for_in_clause", "if_clause")
_GLOBAL = re.compile(r"^[ \t]+global[ \t]+(\w+(?:[ \t]*,[ \t]*\w+)*)", re.MULTILINE)
# Bodies are read behind what their statement uses and binds.
_BODIES = ("block", "elif_clause", "else_clause", "except_clause", "except_group_clause", "finally_clause")
# What binds, and the field of it that holds the names.
_TARGETS = {
    **{"assignment": "left", "for_statement": "left", "for_in_clause": "left", "named_expression": "name"},
    **{"as_pattern": "alias", "function_definition": "name", "class_definition": "name"},
    **{"type_alias_statement": "left"},
}
_ALL_NAMES = ("global_statement", "nonlocal_statement", "case_pattern", "ERROR")  # of a broken piece no use counts


@dataclass(frozen=True, slots=True)
class Undefined:
    """A name where it is first used, and whether as a function."""

    name: str
    row: int
    is_called: bool = False


def names_everywhere(text: str, language: str) -> frozenset[str] | None:
    """Return the names that hold in every function of a text; None where there is no telling, as with a star import."""
    if language not in LANGUAGES or len(text) > MAX_CHARS or _STAR_IMPORT.search(text):
        return None
    root = parse(text, language)
    declared = {name.strip() for found in _GLOBAL.findall(text) for name in found.split(",")}
    return None if root is None else _GIVEN | declared | frozenset(_bound_in(root))


def undefined_names(root: Node, row: int, everywhere: frozenset[str]) -> list[Undefined]:
    """Return what is undefined in the outermost function that holds a row, or outside of any in the whole tree."""
    reader = _Reader()
    outer = next((node for node in _around(root, row) if node.type == "function_definition"), None)
    if outer is not None:
        reader.read_function(outer, everywhere, 0)
    else:
        elsewhere = everywhere - frozenset(_bound_in(root))
        reader.read(root, _Names(set(elsewhere | _GIVEN), everywhere), 0)
    return list(reader.found.values())


@dataclass(frozen=True, slots=True)
class _Names:
    """What is bound at a place of a function so far, and all that ever is, which functions inside it may use."""

    so_far: set[str]
    ever: frozenset[str]


class _Reader:
    """Reads code in its order and takes down each name that nothing has bound."""

    def __init__(self) -> None:
        self.found: dict[str, Undefined] = {}

    def read_function(self, node: Node, around: frozenset[str], deep: int) -> None:
        """Read a function or lambda that names are known round."""
        parameters = frozenset(_parameters(node))
        body = node.child_by_field_name("body")
        if body is not None:
            names = _Names(set(around | parameters), around | parameters | frozenset(_bound_in(body)))
            self.read(body, names, deep + 1)

    def read(self, node: Node, names: _Names, deep: int) -> None:
        """Read a piece of code, binding what it binds."""
        if deep > MOST_DEEP or node.type in ("type", "comment"):  # types may be told before they are there
            return
        if node.type == "identifier":
            self._use(node, names)
        elif node.type == "attribute":
            self._read_all(node.children[:1], names, deep)
        elif node.type in _COMPREHENSIONS:
            self._read_comprehension(node, names, deep)
        elif node.type in _SCOPES:
            self._read_scope(node, names, deep)
        else:
            self._read_statement(node, names, deep)

    def _read_all(self, children: list[Node], names: _Names, deep: int) -> None:
        for child in children:
            self.read(child, names, deep + 1)

    def _read_statement(self, node: Node, names: _Names, deep: int) -> None:
        """Read what a node uses, then bind what it binds, then read the bodies that stand behind."""
        if node.type in _ALL_NAMES or node.type in _IMPORTS:
            names.so_far.update(_bound_by(node))
            return
        target = node.child_by_field_name(_TARGETS.get(node.type, ""))
        if node.type == "keyword_argument":
            target = node.child_by_field_name("name")
        children = [child for child in node.named_children if target is None or child != target]
        if node.type == "conditional_expression":
            children[:2] = children[1::-1]  # the condition comes first
        bodies = [child for child in children if child.type in _BODIES]
        self._read_all([child for child in children if child not in bodies], names, deep)
        if target is not None and node.type != "keyword_argument":
            self._bind(target, names, deep)
        self._read_all(bodies, names, deep)

    def _bind(self, target: Node, names: _Names, deep: int) -> None:
        """Bind the names of a target, and read what it only mentions, as the list of `names[0] = x`."""
        if target.type in _FOREIGN:
            self.read(target, names, deep + 1)
        elif target.type == "identifier":
            names.so_far.add(_text(target))
        elif deep < MOST_DEEP:
            for child in target.named_children:
                self._bind(child, names, deep + 1)

    def _read_comprehension(self, node: Node, names: _Names, deep: int) -> None:
        clauses = [child for child in node.named_children if child.type in _CLAUSES]
        before = set(names.so_far)
        self._read_all(clauses, names, deep)
        own = {name for clause in clauses for name in _bound_by(clause)} - before
        self._read_all([child for child in node.named_children if child not in clauses], names, deep)
        names.so_far.difference_update(own)

    def _read_scope(self, node: Node, names: _Names, deep: int) -> None:
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        parameters = node.child_by_field_name("parameters")
        if parameters is not None:
            values = (child.child_by_field_name("value") for child in parameters.named_children)
            self._read_all([value for value in values if value is not None], names, deep)
        if (superclasses := node.child_by_field_name("superclasses")) is not None:
            self.read(superclasses, names, deep + 1)
        if name is not None:
            names.so_far.add(_text(name))
        if node.type != "class_definition":
            self.read_function(node, names.ever, deep + 1)
        elif body is not None:
            self.read(body, _Names(set(names.so_far), names.ever), deep + 1)

    def _use(self, node: Node, names: _Names) -> None:
        name = _text(node)
        if name in names.so_far or name in self.found:
            return
        around = node.parent
        is_called = around is not None and around.type == "call" and around.child_by_field_name("function") == node
        self.found[name] = Undefined(name, node.start_point.row, is_called)


def _around(root: Node, row: int) -> Iterator[Node]:
    """Yield the nodes that hold a row, the outer ones first."""
    node: Node | None = root
    while node is not None:
        yield node
        node = next((c for c in node.named_children if c.start_point.row <= row <= _last_row(c)), None)


def _last_row(node: Node) -> int:
    return node.end_point.row - (node.end_point.column == 0 and node.end_point.row > node.start_point.row)


def _bound_in(node: Node) -> Iterator[str]:
    """Yield the names that are bound anywhere in the scope that a node is of, not those of scopes inside."""
    waiting = [(node, 0)]
    while waiting:
        node, deep = waiting.pop()
        yield from _bound_by(node)
        if deep <= MOST_DEEP and node.type not in _IMPORTS:
            inner = [child for child in node.named_children if child.type not in _COMPREHENSIONS]
            scopes = [child for child in inner if child.type in _SCOPES]
            for scope in scopes:
                yield from _bound_by(scope)
            waiting += [(child, deep + 1) for child in inner if child not in scopes]


def _bound_by(node: Node) -> Iterator[str]:
    """Yield the names that a node itself binds."""
    if node.type in _ALL_NAMES:
        yield from (_text(name) for name in nodes(node) if name.type == "identifier")
    elif node.type in _IMPORTS:
        for imported in node.children_by_field_name("name"):
            named = imported.child_by_field_name("alias") or imported.named_child(0) or imported
            yield _text(named).partition(".")[0]
    elif (target := node.child_by_field_name(_TARGETS.get(node.type, ""))) is not None:
        yield from _names_of(target)
    elif node.type == "as_pattern" and node.named_children:  # of a `case`
        yield _text(node.named_children[-1])


def _names_of(target: Node) -> Iterator[str]:
    if target.type == "identifier":
        yield _text(target)
    elif target.type not in _FOREIGN:
        for child in target.named_children:
            yield from _names_of(child)


def _parameters(function: Node) -> Iterator[str]:
    parameters = function.child_by_field_name("parameters")
    for parameter in [] if parameters is None else parameters.named_children:
        name = parameter.child_by_field_name("name")
        if name is None and parameter.type == "typed_parameter":
            name = parameter.named_child(0)
        yield from _names_of(name or parameter)


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "surrogatepass")
