"""What a perfect model would write is shown whole: the filters measured on Python's own library."""

from __future__ import annotations

import ast
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from codefuse_lsp.context.cursor import CursorContext, cursor_context
from codefuse_lsp.suggestions.filters import Place, filtered, is_whole, swallowed

MODULES = ("argparse", "ast", "bisect", "calendar", "csv", "dataclasses", "fractions", "heapq", "shlex", "textwrap")
LINES_WRITTEN = 30
PART_SHOWN = 0.97  # of the functions; the others have code in strings, or repeat themselves


@dataclass(frozen=True)
class Function:
    context: CursorContext
    body: str
    written: str  # the body and what follows it in the file


def functions(module: str, *, rest_is_there: bool) -> Iterator[Function]:
    """Yield the functions of a module with the cursor behind their heads and their bodies missing."""
    source = (Path(sysconfig.get_paths()["stdlib"]) / f"{module}.py").read_text("utf-8")
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef) or node.end_lineno is None:
            continue
        head = node.body[0].lineno - 1  # lines before the body
        if head == 0 or not lines[head - 1].rstrip().endswith(":") or node.end_lineno - head > LINES_WRITTEN:
            continue
        body = "\n" + "".join(lines[head : node.end_lineno]).rstrip()
        rest = lines[node.end_lineno :] if rest_is_there else []
        context = cursor_context(
            [*lines[:head], *rest],
            head - 1,
            len(lines[head - 1]) - 1,
            uri="file:///a.py",
            path="a.py",
            language="python",
            version=1,
            budget_chars=6000,
        )
        yield Function(context, body, "\n" + "".join(lines[head : head + LINES_WRITTEN]))


@pytest.mark.parametrize("rest_is_there", [True, False], ids=["in the middle", "at the end"])
def test_a_functions_body_is_shown_to_its_end_and_no_further(rest_is_there: bool) -> None:
    found = [function for module in MODULES for function in functions(module, rest_is_there=rest_is_there)]
    assert len(found) > 200
    shown = [
        swallowed(filtered(function.written, Place(function.context, block=True))[0], Place(function.context, True))
        for function in found
    ]
    right = sum(text == function.body for (text, _), function in zip(shown, found, strict=True))
    assert right >= PART_SHOWN * len(found)
    assert all(function.written.startswith(text) for (text, _), function in zip(shown, found, strict=True))


def test_generation_ends_within_a_word_behind_the_body() -> None:
    found = [function for module in MODULES[1:5] for function in functions(module, rest_is_there=False)]
    surplus = []
    for function in found[::5]:
        place, written = Place(function.context, block=True), function.written
        if len(written) > len(function.body) + 40 and filtered(written, place)[0] == function.body:
            end = next(end for end in range(len(written) + 1) if is_whole(written[:end], place))
            surplus.append(len(written[len(function.body) : end].strip()))
    assert len(surplus) >= 5
    assert sorted(surplus)[len(surplus) // 2] <= 2  # the first letter tells; an `e` may still become `else`
