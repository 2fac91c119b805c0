"""What code promises to its users: names, types and documentation, without how it keeps the promise.

Input: code and an LSP language id. Output: the same without the bodies of its functions. Knows nothing of prompts.
"""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from codefuse_lsp.context.grammars import parse

_FUNCTIONS = frozenset(
    {
        *("function_definition", "function_declaration", "function_item", "function_expression", "arrow_function"),
        *("generator_function_declaration", "method_definition", "method_declaration", "constructor_declaration"),
    }
)
LEFT_OUT = "..."


def promise_of(code: str, language: str) -> str:
    """Return `code` without the bodies of its functions; docstrings stay. '' where there is no grammar to tell."""
    root = parse(code, language)
    if root is None:
        return ""
    source = code.encode("utf-8", "surrogatepass")
    for body, kept in reversed(list(_bodies(root))):
        source = source[: body.start_byte] + kept + source[body.end_byte :]
    return source.decode("utf-8", "replace")


def _bodies(node: Node) -> Iterator[tuple[Node, bytes]]:
    """Yield the outermost bodies, in their order, with what is left of each."""
    for child in node.named_children:
        body = child.child_by_field_name("body") if child.type in _FUNCTIONS else None
        if body is None:
            yield from _bodies(child)
        elif body.type == "block" and not (body.text or b"").startswith(b"{"):
            yield body, _docstring(body) + LEFT_OUT.encode()
        else:
            yield body, f"{{ {LEFT_OUT} }}".encode()


def _docstring(body: Node) -> bytes:
    first = body.named_children[0] if body.named_children else None
    inner = first.named_children[0] if first is not None and first.type == "expression_statement" else None
    if first is None or inner is None or inner.type != "string":
        return b""
    return (first.text or b"") + b"\n" + b" " * body.start_point.column
