"""The functions, methods and classes of a text, and the lines they take with their decorators and comments.

Input: text, an LSP language id and a line, counted from 0. Output: a `Definition` or its `LineSpan`; None where there
is none, or no grammar. Knows nothing of what is done with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from tree_sitter import Node

from codefuse_lsp.context.grammars import LEADING, parse
from codefuse_lsp.context.grammars import nodes as all_nodes

# Node types, by what they are; of all grammars together. A few mean two things: `_name` tells them apart.
CLASSES = {
    *("class_definition", "class_declaration", "abstract_class_declaration", "class", "interface_declaration"),
    *("enum_declaration", "record_declaration", "annotation_type_declaration"),
    *("struct_item", "enum_item", "union_item", "trait_item", "impl_item", "type_spec"),
    *("class_specifier", "struct_specifier", "union_specifier", "enum_specifier"),
    *("struct_declaration", "trait_declaration", "module"),
}
FUNCTIONS = {
    *("function_definition", "function_declaration", "generator_function_declaration", "method_definition"),
    *("method_declaration", "constructor_declaration", "compact_constructor_declaration"),
    *("function_item", "macro_definition", "local_function_statement", "method", "singleton_method"),
}
ANONYMOUS = {"arrow_function", "function_expression", "generator_function", "anonymous_function"}
# An anonymous function is a definition when one of these gives it a name.
NAMERS = {
    *("variable_declarator", "assignment_expression", "pair", "public_field_definition", "field_definition"),
    *("assignment_statement", "field"),
}
_BODIES = {"block", "body_statement"}  # of languages that have comments at the top of a body stand before it
# What stands round a definition and begins with it: the lines of the wrapper belong to the definition.
WRAPPERS = NAMERS | {
    *("decorated_definition", "export_statement", "expression_statement", "type_declaration"),
    *("lexical_declaration", "variable_declaration", "expression_list", "template_declaration", "type_definition"),
}
MAX_VISITS = 20_000  # nodes looked at for one line; a minified file has them all on one


@dataclass(frozen=True, slots=True)
class LineSpan:
    """The lines from `start` up to, not including, `stop`, counted from 0."""

    start: int
    stop: int

    def __contains__(self, line: int) -> bool:
        return self.start <= line < self.stop


@dataclass(frozen=True, slots=True)
class Definition:
    """A function, method or class; `owner` is the class round it, or ''."""

    name: str
    owner: str
    span: LineSpan
    is_class: bool
    head: int = field(default=0, compare=False)  # the line, within the span, on which its name stands


def enclosing_definition(text: str, language: str, line: int) -> LineSpan | None:
    """Return the innermost function, method or class that holds `line`, its decorators and doc comments included."""
    root = parse(text, language)
    found = [] if root is None else _definitions_at(root, line)
    return min(found, key=lambda d: d.span.stop - d.span.start).span if found else None


def definitions(text: str, language: str) -> list[Definition]:
    """Return all definitions of a text in its order, the outer ones before those in them; none without a grammar."""
    root = parse(text, language)
    if root is None:
        return []
    found = [_definition(node, name) for node in islice(all_nodes(root), 10 * MAX_VISITS) if (name := _name(node))]
    return sorted(found, key=lambda d: (d.span.start, -d.span.stop))


def definition(text: str, language: str, span: LineSpan) -> Definition | None:
    """Return the definition whose lines are `span`, else the first and outermost of those that lie inside it."""
    root = parse(text, language)
    if root is None:
        return None
    for line in range(span.start, span.stop):
        inside = [d for d in _definitions_at(root, line) if d.span.start >= span.start and d.span.stop <= span.stop]
        if inside:
            return max(inside, key=lambda d: d.span.stop - d.span.start)
    return None


def definition_name(text: str, language: str, span: LineSpan) -> str | None:
    """Return the name of the definition that `definition` finds, without its owner's."""
    found = definition(text, language, span)
    return found.name if found else None


def described(node: Node) -> Definition | None:
    """Return the definition that a node of a tree is; None for any other node."""
    name = _name(node)
    return None if name is None else Definition(name, _owner(node), _span(node), node.type in CLASSES)


def _definitions_at(root: Node, line: int) -> list[Definition]:
    """Return the definitions whose lines, leading comments included, hold `line`."""
    found: dict[int, Definition] = {}
    nodes, visits = [root], 0
    while nodes and visits < MAX_VISITS:
        node = nodes.pop()
        visits += 1
        name = _name(node)
        if name is not None and line in _span(node):
            found[node.id] = _definition(node, name)
        led = node.type in WRAPPERS
        for child in node.named_children:
            if led or child.start_point.row <= line <= child.end_point.row:
                nodes.append(child)
            if child.type in LEADING and child.start_point.row <= line <= child.end_point.row:
                nodes += _led_by(child)
    return list(found.values())


def _definition(node: Node, name: str) -> Definition:
    return Definition(name, _owner(node), _span(node), node.type in CLASSES, node.start_point.row)


def _led_by(leading: Node) -> Iterator[Node]:
    """Yield the node that a comment, attribute or decorator stands before, if any."""
    following = leading.next_named_sibling
    while following is not None and following.type in LEADING:
        following = following.next_named_sibling
    if following is not None:
        yield from following.named_children if following.type in _BODIES else (following,)


def _name(node: Node) -> str | None:
    """Return the name of a definition, '' for one without; None for a node that is no definition."""
    if node.type in CLASSES:
        if node.type.endswith("_specifier") and node.child_by_field_name("body") is None:
            return None  # C: a type that is only mentioned
        named = node.child_by_field_name("name") or node.child_by_field_name("type") or _typedef_name(node)
        if named is None and node.type == "module":
            return None  # Ruby has modules; Python's whole file is one
    elif node.type in FUNCTIONS and (named := node.child_by_field_name("name") or _declared(node)):
        pass
    elif node.type in ANONYMOUS or node.type == "function_definition":  # the latter in Lua
        named = _given_name(node)
        if named is None:
            return None
    else:
        return "" if node.type in FUNCTIONS else None
    return re.split(r"[.:$]", _text(named))[-1] if named else ""


def _given_name(node: Node) -> Node | None:
    """Return what an anonymous function is assigned to, if anything."""
    around = node.parent
    if around is not None and around.type == "expression_list":  # Lua
        around = around.parent
    if around is None or around.type not in NAMERS:
        return None
    fields = (around.child_by_field_name(field) for field in ("name", "left", "key", "property"))
    return next(filter(None, fields), around.named_child(0) if around.type == "assignment_statement" else None)


def _declared(node: Node) -> Node | None:
    """Return the name inside the declarators of a C function, with its class in front where C++ writes that."""
    declarator = node.child_by_field_name("declarator")
    while declarator is not None and (inner := declarator.child_by_field_name("declarator")):
        declarator = inner
    return declarator


def _typedef_name(node: Node) -> Node | None:
    around = node.parent
    is_typedef = around is not None and around.type == "type_definition"
    return around.child_by_field_name("declarator") if around is not None and is_typedef else None


def _owner(node: Node) -> str:
    if node.type == "method_declaration" and (receiver := node.child_by_field_name("receiver")):  # Go
        return _text(receiver).strip("()").split()[-1].lstrip("*").partition("[")[0]
    named = node.child_by_field_name("name") or _declared(node) or _given_name(node)
    if named is not None and (qualifier := re.match(r"(\w+)(?:::|[.:])\W?\w+$", _text(named))):  # C++, Lua
        return qualifier[1]
    parent = node.parent
    while parent is not None and not (parent.type in CLASSES and _name(parent) is not None):
        parent = parent.parent
    return (_name(parent) or "") if parent is not None else ""


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "surrogatepass")


def _span(node: Node) -> LineSpan:
    """Return the lines of a definition with its wrappers and with the comments directly above."""
    while node.parent is not None and node.parent.type in WRAPPERS:
        node = node.parent
    start, above = node.start_point.row, _before(node)
    while above is not None and above.type in LEADING and _last_row(above) >= start - 1:
        before = _before(above)
        if before is not None and before.type not in LEADING and _last_row(before) == above.start_point.row:
            break  # a comment at the end of another statement's line
        start, above = above.start_point.row, before
    return LineSpan(start, _last_row(node) + 1)


def _before(node: Node) -> Node | None:
    if node.prev_named_sibling is None and node.parent is not None and node.parent.type in _BODIES:
        node = node.parent
    return node.prev_named_sibling


def _last_row(node: Node) -> int:
    ends_before_line = node.end_point.column == 0 and node.end_point.row > node.start_point.row
    return node.end_point.row - ends_before_line
