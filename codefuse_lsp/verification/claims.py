"""What a test claims of the code: an assertion, what it expects, and the same with a gap for what is expected.

Input: the text of a test, and the row where it failed. Output: a `Claim`, or None for an assertion that expects nothing
in so many words. Also tells whether what somebody else expects is the same. Knows nothing of what the code gives.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tree_sitter import Node

from codefuse_lsp.context.grammars import nodes, parse

GAP = "____"
_NUMBER_ENDING = re.compile(r"(?<=\d)_?(?:[iu](?:8|16|32|64|128|size)|f32|f64|n|L)\b")
_ROWS_ABOVE = {"go": 2}  # where the condition stands above the line that complains
# What a line stands in so that it parses alone; languages that are not named are JavaScript's kin.
_ROUND = {
    "python": ("", "\n    pass"),
    "go": ("package p\nfunc f() {\n", "\n}\n}"),
    "rust": ("fn f() {\n", "\n}"),
}
_EQUAL = frozenset(
    {
        *("assertEqual", "assertEquals", "assertIs", "assertAlmostEqual", "assertListEqual", "assertDictEqual"),
        *("strictEqual", "equal", "deepEqual", "deepStrictEqual", "toBe", "toEqual", "toStrictEqual"),
    }
)
_WORDS = frozenset({"True", "False", "None", "true", "false", "null", "undefined", "nil", "NaN", "Some", "Ok", "Err"})
_NAMES = frozenset({"identifier", "property_identifier", "field_identifier", "type_identifier", "interpolation"})


@dataclass(frozen=True, slots=True)
class Claim:
    """An assertion of one row: as it is written, with a gap, and what stood in the gap, on which side."""

    row: int
    written: str
    masked: str
    expected: str
    side: Literal["left", "right"] = "right"
    asks: Literal["value", "exception"] = "value"

    def question(self, test: str) -> str:
        """Return a test as far as the gap: neither its title nor what comes behind may tell what belongs there."""
        lines = test.split("\n")
        head = next((at for at, line in enumerate(lines) if line.rstrip().endswith((":", "{"))), -1)
        return textwrap.dedent("\n".join([*lines[head + 1 : self.row], ""])) + self.masked + "\n"


def claim_at(text: str, row: int | None, language: str) -> Claim | None:
    """Return what a line expects; None where that is not one value that is written out, or an exception."""
    lines = text.split("\n")
    if row is None or not 0 <= row < len(lines):
        return None
    for at in range(row, max(-1, row - 1 - _ROWS_ABOVE.get(language, 0)), -1):
        line = lines[at].strip()
        before, behind = _ROUND.get(language, ("", ""))
        for form in (f"{before}{line}{behind}", f"{before}{line}"):
            root = parse(form, language)
            if root is not None and not root.has_error:
                if (claim := _claim(at, line, root, len(before.encode()))) is not None:
                    return claim
                break
    return None


def agrees(claim: Claim, answer: str) -> bool:
    """Return whether an answer for the gap is what the test expects there: the same value, however it is written."""
    given = _plain(answer)
    if claim.asks == "exception":
        return given.rpartition(".")[2] == claim.expected.rpartition(".")[2]
    one, other = _value(given), _value(claim.expected)
    return bool(given) and one == other and isinstance(one, bool) == isinstance(other, bool)


def _claim(row: int, line: str, root: Node, offset: int) -> Claim | None:
    for node in nodes(root):
        if (expected := _exception(node)) is not None:
            return _masked(row, line, expected, offset, asks="exception")
        left, right = _sides(node)
        if left is None or right is None or _is_written_out(left) == _is_written_out(right):
            continue  # it says nothing of the code, or nothing in so many words
        expected, side = (right, "right") if _is_written_out(right) else (left, "left")
        return _masked(row, line, expected, offset, "left" if side == "left" else "right")
    return None


def _masked(
    row: int,
    line: str,
    expected: Node,
    offset: int,
    side: Literal["left", "right"] = "right",
    asks: Literal["value", "exception"] = "value",
) -> Claim:
    source = line.encode("utf-8", "surrogatepass")
    start, stop = expected.start_byte - offset, expected.end_byte - offset
    before, behind = (part.decode("utf-8", "replace") for part in (source[:start], source[stop:]))
    told = _text(expected) in behind  # by a message or a comment
    return Claim(row, line, before + GAP + ("" if told else behind), _text(expected), side, asks)


def _exception(node: Node) -> Node | None:
    """Return the exception that a `with` of pytest or unittest expects."""
    if node.type != "call" or not re.search(r"\braises$|\bassertRaises$", _text(node.child_by_field_name("function"))):
        return None
    given = node.child_by_field_name("arguments")
    first = given.named_children[0] if given is not None and given.named_children else None
    return first if first is not None and first.type in ("identifier", "attribute") else None


def _sides(node: Node) -> tuple[Node | None, Node | None]:
    """Return what an assertion says is equal."""
    if node.type == "comparison_operator" and len(node.children) == 3 and _is_asserted(node):
        return (node.children[0], node.children[2]) if _text(node.children[1]) in ("==", "is") else (None, None)
    if node.type == "binary_expression" and _text(node.child_by_field_name("operator")) == "!=":  # Go: `if got != want`
        return node.child_by_field_name("left"), node.child_by_field_name("right")
    if node.type in ("call", "call_expression"):
        return _compared_by_call(node)
    if node.type == "macro_invocation" and _text(node.child_by_field_name("macro")) == "assert_eq":
        return _of_tokens(node.named_children[-1])
    return None, None


def _is_asserted(node: Node) -> bool:
    parent = node.parent
    return parent is not None and parent.type == "assert_statement" and parent.named_children[0] == node


def _compared_by_call(node: Node) -> tuple[Node | None, Node | None]:
    function, given = node.child_by_field_name("function"), node.child_by_field_name("arguments")
    name = _text(function).rpartition(".")[2]
    if function is None or given is None or name not in _EQUAL:
        return None, None
    if name.startswith("to"):  # expect(left).toBe(right)
        inner = function.child_by_field_name("object")
        is_expect = inner is not None and inner.type == "call_expression" and _text(inner).startswith("expect(")
        asked = inner.child_by_field_name("arguments") if inner is not None and is_expect else None
        return _first(asked), _first(given)
    return (given.named_children[0], given.named_children[1]) if len(given.named_children) > 1 else (None, None)


def _of_tokens(tree: Node) -> tuple[Node | None, Node | None]:
    """Return the sides of Rust's assert_eq!, whose tokens have no grammar, each by its first; one has to be alone."""
    commas = [index for index, child in enumerate(tree.children) if child.type == ","]
    if len(commas) != 1:
        return None, None
    left, right = tree.children[1 : commas[0]], tree.children[commas[0] + 1 : -1]
    alone = [one[0] for one in (left, right) if len(one) == 1]
    return (left[0], right[0]) if left and right and any(map(_is_written_out, alone)) else (None, None)


def _first(given: Node | None) -> Node | None:
    return given.named_children[0] if given is not None and given.named_children else None


def _is_written_out(node: Node) -> bool:
    """Return whether a value is made of numbers, texts and brackets alone."""
    text = _text(node)
    if re.fullmatch(r"(?:pytest\.)?approx\(.*\)", text, re.S):
        return _is_written_out(node.named_children[-1])
    return all(_is_plain(leaf) for leaf in _leaves(node))


def _is_plain(leaf: Node) -> bool:
    if leaf.type in _NAMES:
        is_key = leaf.parent is not None and leaf.parent.type == "pair" and leaf.type == "property_identifier"
        return is_key or _text(leaf) in _WORDS
    return True


def _leaves(node: Node) -> Iterator[Node]:
    if not node.child_count or node.type == "interpolation":
        yield node
    for child in node.children if node.type != "interpolation" else ():
        yield from _leaves(child)


def _text(node: Node | None) -> str:
    return node.text.decode("utf-8", "replace") if node is not None and node.text is not None else ""


def _plain(answer: str) -> str:
    """Return the value of an answer that may stand in a sentence, a fence or an assertion."""
    lines = [
        line for line in answer.strip().splitlines() if line.strip() and not line.lstrip().startswith(("```", "~~~"))
    ]
    line = lines[0].strip() if lines else ""
    quoted = re.search(r"`([^`]+)`", line)
    return (quoted[1] if quoted else line).strip().rstrip(".;,").strip()


def _value(written: str) -> object:
    """Return what a literal stands for, as far as its form tells; else its text without blanks."""
    text = written.strip()
    text = text[len("pytest.approx(") : -1] if text.startswith("pytest.approx(") else text
    text = _NUMBER_ENDING.sub("", text.removeprefix("&").removeprefix("vec!"))
    for name, value in (("true", "True"), ("false", "False"), ("null", "None"), ("nil", "None"), ("undefined", "None")):
        text = re.sub(rf"(?<!['\"\w]){name}(?!['\"\w])", value, text)
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return re.sub(r"\s+", "", text)
