"""Where the documentation of a definition stands, and in which style a file writes it.

Input: text, an LSP language id and the lines of a definition. Output: a `DocPlace`; None where there is no place for
it. The styles: Python's docstrings as Google, NumPy and Sphinx write them (PEP 257), JSDoc, Javadoc, Doxygen, C# XML,
rustdoc, Go doc comments, YARD, LDoc. Knows nothing of what is written there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from tree_sitter import Node

from codefuse_lsp.context.definitions import Definition, LineSpan, definition
from codefuse_lsp.context.grammars import LEADING, parse

MOST_DEFINITIONS = 200  # of a file, which are looked at for its style


@dataclass(frozen=True, slots=True)
class DocStyle:
    """How documentation is written: what opens it, what each line begins with, what closes it."""

    name: str  # as people call it: Google, JSDoc
    opening: str = ""
    line: str = ""
    closing: str = ""
    example: str = ""  # of its tags, for who has to write it

    @property
    def is_docstring(self) -> bool:
        """Whether it stands in the body of what it documents."""
        return self.line == ""


@dataclass(frozen=True, slots=True)
class DocPlace:
    """Where documentation goes: in place of the lines of `span`, which is empty where there is none yet."""

    definition: Definition
    span: LineSpan
    indent: str
    style: DocStyle


_GOOGLE = "Args:, Returns: and Raises: sections"
_PYTHON = {
    "Google": DocStyle("Google", '"""', "", '"""', _GOOGLE),
    "NumPy": DocStyle("NumPy", '"""', "", '"""', "Parameters and Returns sections, underlined with dashes"),
    "Sphinx": DocStyle("Sphinx", '"""', "", '"""', ":param name:, :returns: and :raises Error: fields"),
    "plain": DocStyle("plain", '"""', "", '"""', "no sections, as the other docstrings of the file"),
}
_STARS = "@param and @returns tags"
_DOXYGEN = "@brief, @param and @return commands"
_STYLES = {
    "c": DocStyle("Doxygen", "/**", " * ", " */", _DOXYGEN),
    "cpp": DocStyle("Doxygen", "/**", " * ", " */", _DOXYGEN),
    "csharp": DocStyle("XML documentation", "", "/// ", "", "<summary>, <param name> and <returns> elements"),
    "go": DocStyle("Go doc", "", "// ", "", "whole sentences, the first beginning with the name"),
    "java": DocStyle("Javadoc", "/**", " * ", " */", "@param, @return and @throws tags"),
    "javascript": DocStyle("JSDoc", "/**", " * ", " */", "@param {type} name and @returns {type} tags"),
    "typescript": DocStyle("TSDoc", "/**", " * ", " */", "@param name - and @returns tags, without types"),
    "php": DocStyle("PHPDoc", "/**", " * ", " */", "@param type $name, @return and @throws tags"),
    "ruby": DocStyle("YARD", "", "# ", "", "@param name [Type] and @return [Type] tags"),
    "rust": DocStyle("rustdoc", "", "/// ", "", "a summary line, then # Errors or # Panics sections where they apply"),
    "lua": DocStyle("LDoc", "", "--- ", "", "@param name and @return tags"),
    "shellscript": DocStyle("comment", "", "# ", "", "what it does, its arguments and what it prints"),
}
_STYLES |= {"javascriptreact": _STYLES["javascript"], "typescriptreact": _STYLES["typescript"]}
_SECTIONS = {
    "NumPy": re.compile(r"^\s*(?:Parameters|Returns|Raises)\n\s*-{3,}", re.M),
    "Sphinx": re.compile(r"^\s*:(?:param|returns?|raises|rtype|type)\b", re.M),
    "Google": re.compile(r"^\s*(?:Args|Returns|Raises|Yields|Attributes):\s*$", re.M),
}
_DEFINITIONS = ("function_definition", "class_definition")
_DIRECTIVES = (
    "#!",
    "//go:",
    "// +build",
    "//nolint",
    "# frozen_",
    "# typed:",
    "# rubocop:",
    "# shellcheck ",
    "// eslint-",
)
_NOTE = re.compile(r"\W*(?:TODO|FIXME|XXX|HACK|NOTE|BUG|rubocop|steep|type)\b|#-+$|#+$", re.I)
_COMMENTS = {"comment", "line_comment", "block_comment"}


def doc_place(text: str, language: str, span: LineSpan) -> DocPlace | None:
    """Return where the documentation of the definition in `span` goes; None where it has no place or no style."""
    found = definition(text, language, span)
    if found is None or not found.name or (language != "python" and language not in _STYLES):
        return None
    root = parse(text, language)
    if root is None:
        return None
    lines = text.split("\n")
    if language == "python":
        return _in_body(root, found, lines)
    return _above(root, found, lines, _style_above(text, language))


def _in_body(root: Node, found: Definition, lines: list[str]) -> DocPlace | None:
    node = _definition_node(root, found)
    body = None if node is None else node.child_by_field_name("body")
    if node is None or body is None or not body.named_children:
        return None
    first = body.named_children[0]
    colon = [child for child in node.children if child.type == ":"][-1]
    if (
        first.start_point.row == colon.start_point.row
        or lines[first.start_point.row][: first.start_point.column].strip()
    ):
        return None  # on the line of the header, where nothing can go before it
    indent = _before(lines[first.start_point.row], first.start_point.column)
    start = stop = colon.start_point.row + 1
    if _is_docstring(first):
        start, stop = first.start_point.row, first.end_point.row + 1
        follows = first.next_sibling
        if follows is not None and follows.start_point.row < stop:
            return None  # `"""Doc."""; x = 1`
    return DocPlace(found, LineSpan(start, stop), indent, _python_style(root))


def _definition_node(root: Node, found: Definition) -> Node | None:
    around = _on_lines(root, found.span)
    inside = (node for node in around if node.type in _DEFINITIONS and node.start_point.row in found.span)
    return next(inside, None)


def _is_docstring(statement: Node) -> bool:
    inner = (
        statement.named_children[0]
        if statement.type == "expression_statement" and statement.named_children
        else statement
    )
    return inner.type in ("string", "concatenated_string")


def _python_style(root: Node) -> DocStyle:
    """Return the style of the file's docstrings: Google's where they have no sections, plain where none has any."""
    docs = list(islice(_docstrings(root), MOST_DEFINITIONS))
    counts = {name: sum(bool(section.search(doc)) for doc in docs) for name, section in _SECTIONS.items()}
    name = max(counts, key=lambda one: counts[one])
    style = _PYTHON[name if counts[name] else "plain" if len(docs) > 1 else "Google"]
    single = sum(doc.lstrip("rRuU").startswith("'''") for doc in docs)
    if single * 2 > len(docs):
        return DocStyle(style.name, "'''", "", "'''", style.example)
    return style


def _docstrings(root: Node) -> Iterator[str]:
    """Yield the docstrings of a Python file, of the module and of what is defined at the top of it and of classes."""
    waiting = [root]
    while waiting:
        body = waiting.pop()
        if body.named_children and _is_docstring(body.named_children[0]):
            yield (body.named_children[0].text or b"").decode("utf-8", "replace")
        for child in body.named_children:
            inner = child.child_by_field_name("definition") if child.type == "decorated_definition" else child
            if inner is not None and inner.type in _DEFINITIONS and (block := inner.child_by_field_name("body")):
                waiting.append(block)


def _on_lines(root: Node, span: LineSpan) -> Iterator[Node]:
    """Yield the nodes that touch some lines, in the order of the text."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        inside = [one for one in node.children if one.start_point.row < span.stop and one.end_point.row >= span.start]
        stack += reversed(inside)


def _above(root: Node, found: Definition, lines: list[str], style: DocStyle) -> DocPlace | None:
    """Return the place above a definition, before its attributes, or the lines of the doc comment that stands there."""
    leading = [
        node
        for node in _on_lines(root, found.span)
        if node.type in LEADING and node.start_point.row in found.span and node.start_point.row >= found.span.start
    ]
    row, start = found.span.start, None
    for node in leading:
        comment = lines[row].strip()
        if node.type not in _COMMENTS or node.start_point.row != row or _last_row(node) + 1 >= found.span.stop:
            break
        if comment.startswith(_DIRECTIVES):
            break  # documentation goes before it, as before an attribute
        goes_on = start is not None and style.line in ("// ", "# ", "--- ")
        start = (row if start is None else start) if goes_on or _is_doc(comment, style, found.name) else None
        row = _last_row(node) + 1
    code = lines[row] if row < len(lines) else ""
    if not _begins_line(root, row, code):
        return None
    return DocPlace(
        found, LineSpan(row if start is None else start, row), _before(code, len(code) - len(code.lstrip())), style
    )


def _is_doc(comment: str, style: DocStyle, name: str) -> bool:
    """Return whether a comment is the first line of documentation, and not a note that happens to stand there."""
    if style.opening:
        return comment.startswith(("/**", "/*!", "///", "//!"))
    if style.name == "Go doc":
        return bool(re.match(rf"//\s*(?:(?:A|An|The)\s+)?{re.escape(name)}\b|/\*", comment))
    return comment.startswith(style.line.strip()) and not _NOTE.match(comment)


def _begins_line(root: Node, row: int, line: str) -> bool:
    """Return whether a statement or member begins with a line, so that a comment above it is its own."""
    column = len(line) - len(line.lstrip())
    node = root.descendant_for_point_range((row, column), (row, column + 1))
    return node is not None and node.start_point == (row, column) and bool(line.strip())


def _style_above(text: str, language: str) -> DocStyle:
    style = _STYLES[language]
    if style.name != "Doxygen":
        return style
    slashes, stars = (
        len(re.findall(r"^\s*///(?!/)", text, re.M)),
        len(re.findall(r"^\s*(?:/\*\*(?!\*)| \* )", text, re.M)),
    )
    example = (
        _DOXYGEN
        if len(re.findall(r"@\w+", text)) >= len(re.findall(r"\\(?:param|return|brief)", text))
        else ("\\brief, \\param and \\return commands")
    )
    return (
        DocStyle("Doxygen", "", "/// ", "", example)
        if slashes > stars
        else DocStyle("Doxygen", "/**", " * ", " */", example)
    )


def _before(line: str, column: int) -> str:
    return line[: len(line) - len(line.lstrip())] if column else ""


def _last_row(node: Node) -> int:
    ends_before_line = node.end_point.column == 0 and node.end_point.row > node.start_point.row
    return node.end_point.row - ends_before_line
