"""Names that code below a row uses and nothing defines: what the code round a cursor still wants.

Input: a tree, a row in it, and the names that hold elsewhere in the file. Output: the undefined names from that row on,
of the function round it, or outside of any of the whole tree, in the order of their first use. Python, whose scopes
tell it without types (The Python Language Reference, section 4.2); of other languages nothing is said. The order is the
text's: what only a later line defines counts as undefined, as it is the first time round a loop. Knows nothing of what
is done about it.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, replace
from functools import lru_cache

from tree_sitter import Node

from codefuse_lsp.context.grammars import nodes, parse_bytes

LANGUAGES = frozenset({"python"})
MAX_CHARS = 300_000  # of a text; a longer one was made by a machine
DEADLINE_S = 0.1  # for a parse of all of it
MOST_DEEP = 150  # nodes inside each other; what lies deeper is not looked at
MOST_NODES = 3_000  # read at a time, some 15 ms
_OF_CLASSES = {"__qualname__", "__module__", "__annotations__", "__class__"}
_OF_NOTEBOOKS = {"get_ipython", "display", "In", "Out", "__", "___"}
_GIVEN = frozenset({*dir(builtins), *_OF_CLASSES, *_OF_NOTEBOOKS, "__file__", "__path__", "__builtins__", "_"})
# What puts names into a module that nobody can tell by reading it.
_UNTOLD = re.compile(r"^[ \t]*from[ \t]+\S+[ \t]+import[ \t]*\(?[ \t]*\*|\bglobals\(\)(?:\[|\.)", re.MULTILINE)
_GLOBAL = re.compile(r"global[ \t]+(\w+(?:[ \t]*,[ \t]*\w+)*)")
_IMPORTS = ("import_statement", "import_from_statement", "future_import_statement")
_COMPREHENSIONS = ("list_comprehension", "set_comprehension", "dictionary_comprehension", "generator_expression")
_SCOPES = ("function_definition", "class_definition", "lambda")
_FOREIGN = ("attribute", "subscript", "call")  # on the left of `=`: nothing is bound
_CLAUSES = ("for_in_clause", "if_clause")
# Bodies are read behind what their statement uses and binds.
_BODIES = ("block", "elif_clause", "else_clause", "except_clause", "except_group_clause", "finally_clause")
# What binds, and the field of it that holds the names.
_TARGETS = {
    **dict.fromkeys(("assignment", "for_statement", "for_in_clause", "type_alias_statement"), "left"),
    **dict.fromkeys(("named_expression", "function_definition", "class_definition"), "name"),
    "as_pattern": "alias",
}
_ALL_NAMES = ("global_statement", "nonlocal_statement", "case_pattern", "ERROR")  # of a broken piece no use counts
_BINDERS = frozenset({*_TARGETS, *_IMPORTS, *_ALL_NAMES} - {"for_in_clause"})  # that binds in its comprehension only
_WHOLE = frozenset({*_IMPORTS, *_SCOPES, *_ALL_NAMES, "type_alias_statement"})  # nothing inside binds anything beside
_STATEMENTS = re.compile("statement|clause|block|definition|assignment|as_pattern|with_item|case_pattern|ERROR")


@dataclass(frozen=True, slots=True)
class Undefined:
    """A name where it is first used, and whether as a function."""

    name: str
    row: int
    is_called: bool = False


def has_untold_names(text: str) -> bool:
    """Return whether names come into a module that it does not tell, as with a star import."""
    return bool(_UNTOLD.search(text))


@lru_cache(maxsize=1)  # between two keystrokes only the region round the cursor changes, and this is of all else
def names_elsewhere(text: str, language: str) -> frozenset[str] | None:
    """Return the names that the rest of a file puts everywhere; None where there is no telling or no time for it."""
    if language not in LANGUAGES or len(text) > MAX_CHARS or has_untold_names(text):
        return None
    source = text.encode("utf-8", "surrogatepass")
    tree = parse_bytes(source, language, deadline_s=DEADLINE_S)
    return None if tree is None else _GIVEN | _globals(source) | _texts(_bound_in(tree.root_node, source), source)


def undefined_names(
    root: Node, source: bytes, row: int, elsewhere: frozenset[str], rows: int = MAX_CHARS
) -> list[Undefined]:
    """Return what is undefined in the next rows of the outermost function round a row, or of the tree outside of any.

    A function is round a row if it begins above it.
    """
    reader = _Reader(source, row, row + rows)
    names = reader.names_in(root, elsewhere | _globals(source))
    outer = next((node for node in _around(root, row) if node.type == "function_definition"), None)
    if outer is not None and outer.start_point.row < row:
        reader.read_function(outer, names.ever, 0)
    else:
        reader.read(root, names, 0)
    return list(reader.found.values())


@dataclass(frozen=True, slots=True)
class _Names:
    """What is bound at a place of a function so far, and all that ever is, which functions inside it may use."""

    so_far: set[str]
    ever: frozenset[str]


class _Reader:
    """Reads code in its order and takes down each name that nothing has bound.

    What ends above the first row is not read again: what it binds is known already.
    """

    def __init__(self, source: bytes, first: int, stop: int) -> None:
        self.found: dict[str, Undefined] = {}
        self._source = source
        self._first, self._stop = first, stop
        self._visits = 0

    def read_function(self, node: Node, around: frozenset[str], deep: int) -> None:
        """Read a function or lambda that names are known round."""
        body = node.child_by_field_name("body")
        if body is None:
            return
        self.read(body, self.names_in(body, around | _texts(_parameters(node), self._source)), deep + 1)

    def names_in(self, node: Node, around: Set[str]) -> _Names:
        """Return the names of a scope where reading begins: behind what is bound above the first row."""
        bound = [(_text(name, self._source), name.start_point.row) for name in _bound_in(node, self._source)]
        above = {name for name, row in bound if row < self._first}
        return _Names(above.union(around), frozenset(around).union(name for name, _ in bound))

    def read(self, node: Node, names: _Names, deep: int) -> None:
        """Read a piece of code, binding what it binds."""
        if node.end_point.row < self._first:
            return
        self._visits += 1
        if deep > MOST_DEEP or self._visits > MOST_NODES:
            return
        kind = node.type
        if kind == "identifier":
            self._use(node, names)
        elif kind == "attribute":
            self._read_all(node.children[:1], names, deep)
        elif kind in _COMPREHENSIONS:
            self._read_comprehension(node, names, deep)
        elif kind in _SCOPES:
            self._read_scope(node, names, deep)
        elif node.named_child_count and kind != "type":  # types may be told before they are there
            self._read_statement(node, kind, names, deep)

    def _read_all(self, children: list[Node], names: _Names, deep: int) -> None:
        for child in children:
            self.read(child, names, deep + 1)

    def _read_statement(self, node: Node, kind: str, names: _Names, deep: int) -> None:
        """Read what a node uses, then bind what it binds, then read the bodies that stand behind."""
        if kind in _ALL_NAMES or kind in _IMPORTS:
            names.so_far.update(_texts(_bound_by(node), self._source))
            return
        field = "name" if kind == "keyword_argument" else _TARGETS.get(kind)
        target = node.child_by_field_name(field) if field else None
        children = node.named_children
        if kind in ("block", "module"):
            children = [child for child in children if child.start_point.row < self._stop]
        if target is not None:
            children = [child for child in children if child != target]
        if kind == "conditional_expression":
            children[:2] = children[1::-1]  # the condition comes first
        kinds = [child.type for child in children]
        self._read_all([child for child, of in zip(children, kinds, strict=True) if of not in _BODIES], names, deep)
        if target is not None and kind != "keyword_argument":
            self._bind(target, names, deep)
        self._read_all([child for child, of in zip(children, kinds, strict=True) if of in _BODIES], names, deep)

    def _bind(self, target: Node, names: _Names, deep: int) -> None:
        """Bind the names of a target, and read what it only mentions, as the list of `names[0] = x`."""
        waiting = [target]
        while waiting:
            node = waiting.pop()
            if node.type == "identifier":
                names.so_far.add(_text(node, self._source))
            elif node.type in _FOREIGN:
                self.read(node, names, deep + 1)
            else:
                waiting += reversed(node.named_children)

    def _read_comprehension(self, node: Node, names: _Names, deep: int) -> None:
        clauses = [child for child in node.named_children if child.type in _CLAUSES]
        targets = (name for clause in clauses if clause.type == "for_in_clause" for name in _bound_by(clause))
        own = _texts(targets, self._source)
        inside = _Names(names.so_far, names.ever | own)  # what `:=` binds in it is bound outside of it, too
        own -= names.so_far
        self._read_all(clauses, inside, deep)
        self._read_all([child for child in node.named_children if child.type not in _CLAUSES], inside, deep)
        names.so_far.difference_update(own)

    def _read_scope(self, node: Node, names: _Names, deep: int) -> None:
        body, parameters = node.child_by_field_name("body"), node.child_by_field_name("parameters")
        if parameters is not None:
            values = (child.child_by_field_name("value") for child in parameters.named_children)
            self._read_all([value for value in values if value is not None], names, deep)
        names.so_far.update(_texts(_type_parameters(node), self._source))
        if (superclasses := node.child_by_field_name("superclasses")) is not None:
            self.read(superclasses, names, deep + 1)
        names.so_far.update(_texts(_bound_by(node), self._source))
        if node.type != "class_definition":
            self.read_function(node, names.ever, deep + 1)
        elif body is not None:
            self.read(body, replace(self.names_in(body, names.so_far), ever=names.ever), deep + 1)

    def _use(self, node: Node, names: _Names) -> None:
        name = _text(node, self._source)
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


def _globals(source: bytes) -> set[str]:
    """Return the names that functions declare to be everybody's."""
    if b"global" not in source:
        return set()
    found = _GLOBAL.findall(source.decode("utf-8", "surrogatepass"))
    return {name.strip() for names in found for name in names.split(",")}


def _bound_in(node: Node, source: bytes) -> Iterator[Node]:
    """Yield the names that are bound anywhere in the scope that a node is of, not those of scopes inside."""
    has_walrus = source.find(b":=", node.start_byte, node.end_byte) >= 0  # else expressions bind nothing
    waiting = [(node, node.type)]
    while waiting:
        node, kind = waiting.pop()
        if kind in _BINDERS:
            yield from _bound_by(node)
        if kind not in _WHOLE:
            inside = ((child, child.type) for child in node.named_children)
            waiting += [(child, kind) for child, kind in inside if has_walrus or _STATEMENTS.search(kind)]


def _bound_by(node: Node) -> Iterator[Node]:
    """Yield the names that a node itself binds."""
    kind = node.type
    if kind in _ALL_NAMES:
        yield from _identifiers(node)
    elif kind in _IMPORTS:
        for imported in node.children_by_field_name("name"):
            yield imported.child_by_field_name("alias") or imported.named_child(0) or imported
    elif (field := _TARGETS.get(kind)) and (target := node.child_by_field_name(field)) is not None:
        yield from _names_of(target)
        yield from _type_parameters(node) if kind in _SCOPES else ()
    elif kind == "as_pattern" and node.named_children:  # of a `case`
        yield node.named_children[-1]


def _names_of(target: Node) -> Iterator[Node]:
    waiting = [target]
    while waiting:
        node = waiting.pop()
        if node.type == "identifier":
            yield node
        elif node.type not in _FOREIGN:
            waiting += node.named_children


def _identifiers(node: Node) -> Iterator[Node]:
    return (name for name in nodes(node) if name.type == "identifier")


def _parameters(function: Node) -> Iterator[Node]:
    parameters = function.child_by_field_name("parameters")
    for parameter in [] if parameters is None else parameters.named_children:
        name = parameter.child_by_field_name("name")
        if name is None and parameter.type == "typed_parameter":
            name = parameter.named_child(0)
        yield from _names_of(name or parameter)
    yield from _type_parameters(function)


def _type_parameters(node: Node) -> Iterator[Node]:
    """Yield the names in the brackets of `def name[T](...)`, which are taken to hold round it, too."""
    found = node.child_by_field_name("type_parameters")
    return iter(()) if found is None else _identifiers(found)


def _texts(names: Iterable[Node], source: bytes) -> set[str]:
    """Return names as they are spelt; a node's own `text` takes 20 µs of a tree that was parsed piece by piece."""
    return {_text(name, source) for name in names}


def _text(name: Node, source: bytes) -> str:
    return source[name.start_byte : name.end_byte].decode("utf-8", "surrogatepass")
