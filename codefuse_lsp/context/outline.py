"""What a file offers to others: the signatures of its functions and classes, without their bodies.

Input: text and an LSP language id (Python, JavaScript, TypeScript). Output: name -> signature, as code. Pure; knows
nothing of where the text is from or who asks.
"""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from codefuse_lsp.context.grammars import parse
from codefuse_lsp.context.modules import DEFAULT, PYTHON

MAX_METHODS = 24
MAX_SIGNATURE_CHARS = 1_500
MAX_TYPE_LINES = 30
_DEFINITIONS = {"function_declaration", "generator_function_declaration", "class_declaration"}
_DEFINITIONS |= {"abstract_class_declaration", "class", "function_expression", "arrow_function"}
_TYPES = {"interface_declaration", "type_alias_declaration", "enum_declaration"}
_METHODS = {"method_definition", "method_signature", "abstract_method_signature", "public_field_definition"}
_METHODS |= {"field_definition"}


def outline(text: str, language: str) -> dict[str, str]:
    """Return the signature of each name defined at the top level of a file, in their order."""
    root = parse(text, language)
    if root is None:
        return {}
    found = _python(root, text.encode("utf-8", "surrogatepass")) if language in PYTHON else _script(root, text)
    return {name: signature[:MAX_SIGNATURE_CHARS] for name, signature in found if name}


def _python(root: Node, source: bytes) -> Iterator[tuple[str, str]]:
    for node in root.named_children:
        inner = node.child_by_field_name("definition") if node.type == "decorated_definition" else node
        if inner is None or inner.type not in ("function_definition", "class_definition"):
            continue
        name = _text(inner.child_by_field_name("name"))
        if inner.type == "function_definition":
            yield name, _python_function(node, inner, source, "")
        else:
            yield name, _python_class(node, inner, source)


def _python_class(node: Node, inner: Node, source: bytes) -> str:
    body = inner.child_by_field_name("body")
    lines = [_header(node, body, source)]
    if body is not None:
        lines += _docstring(body, "    ")
        for child in body.named_children[: MAX_METHODS * 4]:
            method = child.child_by_field_name("definition") if child.type == "decorated_definition" else child
            if child.type == "expression_statement" and (field := _field(child)):
                lines.append(f"    {field}")
            elif method is not None and method.type == "function_definition" and _is_public(method):
                lines.append(_python_function(child, method, source, "    "))
            if len(lines) > MAX_METHODS:
                break
    return "\n".join(lines) if len(lines) > 1 else f"{lines[0]} ..."


def _python_function(node: Node, inner: Node, source: bytes, indent: str) -> str:
    """Return a signature on one line, and below it the first line of the docstring."""
    body = inner.child_by_field_name("body")
    header = indent + _header(node, body, source).replace("\n", f"\n{indent}")
    doc = _docstring(body, f"{indent}    ") if body is not None else []
    return "\n".join([header, *doc]) if doc else f"{header} ..."


def _header(node: Node, body: Node | None, source: bytes) -> str:
    """Return decorators and header, as far as the body, each on one line."""
    stop = body.start_byte if body is not None else node.end_byte
    kept = []
    for child in node.named_children if node.type == "decorated_definition" else [node]:
        if child.type == "decorator":
            kept.append(" ".join(_text(child).split()))
        elif child.type != "comment":
            kept.append(" ".join(source[child.start_byte : stop].decode("utf-8", "replace").partition("#")[0].split()))
    return "\n".join(kept).replace("( ", "(").replace(", )", ")").replace(",)", ")")


def _docstring(body: Node, indent: str) -> list[str]:
    first = body.named_children[0] if body.named_children else None
    if first is None or first.type != "expression_statement" or not first.named_children:
        return []
    string = first.named_children[0]
    if string.type != "string":
        return []
    line = _text(string).lstrip("rRuUbB").strip("\"' \n\t").split("\n")[0].strip()
    return [f'{indent}"""{line}"""'] if line else []


def _field(statement: Node) -> str:
    node = statement.named_children[0] if statement.named_children else None
    if node is None or node.type != "assignment" or node.child_by_field_name("type") is None:
        return ""
    name, kind = _text(node.child_by_field_name("left")), _text(node.child_by_field_name("type"))
    return f"{name}: {kind}" if not name.startswith("_") else ""


def _is_public(function: Node) -> bool:
    name = _text(function.child_by_field_name("name"))
    return not name.startswith("_") or name in ("__init__", "__call__", "__enter__", "__aenter__")


def _script(root: Node, text: str) -> Iterator[tuple[str, str]]:
    for node in root.named_children:
        is_default = node.type == "export_statement" and any(child.type == "default" for child in node.children)
        for inner in node.named_children if node.type == "export_statement" else [node]:
            for name, signature in _script_definition(inner):
                prefix = "export default " if is_default else "export " if node.type == "export_statement" else ""
                yield name, prefix + signature
                if is_default:
                    yield DEFAULT, prefix + signature


def _script_definition(node: Node) -> Iterator[tuple[str, str]]:
    name = _text(node.child_by_field_name("name"))
    body = node.child_by_field_name("body")
    if node.type in _TYPES:
        yield name, "\n".join(_text(node).split("\n")[:MAX_TYPE_LINES])
    elif node.type in _DEFINITIONS and body is not None:
        header = _before(node, body)
        members = (
            [_member(child) for child in body.named_children if child.type in _METHODS] if "class" in node.type else []
        )
        lines = [f"  {member}" for member in members[:MAX_METHODS] if member]
        yield name or DEFAULT, "\n".join([f"{header} {{", *lines, "}"]) if lines else f"{header} {{}}"
    elif node.type in ("lexical_declaration", "variable_declaration"):
        for child in node.named_children:
            value = child.child_by_field_name("value")
            body = value.child_by_field_name("body") if value is not None and value.type in _DEFINITIONS else None
            if body is not None:
                kind = _text(node).split(maxsplit=1)[0]
                yield _text(child.child_by_field_name("name")), f"{kind} {_before(child, body)} {{}}"


def _member(node: Node) -> str:
    if _text(node).startswith(("private", "#")):
        return ""
    body = node.child_by_field_name("body") or node.child_by_field_name("value")
    return (_before(node, body).rstrip(" =") if body is not None else " ".join(_text(node).split())) + ";"


def _before(node: Node, body: Node) -> str:
    whole = node.text or b""
    return " ".join(whole[: body.start_byte - node.start_byte].decode("utf-8", "replace").split())


def _text(node: Node | None) -> str:
    return ((node.text if node is not None else None) or b"").decode("utf-8", "replace")
