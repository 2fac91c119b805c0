from __future__ import annotations

import os
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.evaluation.gaps import Gap
from codefuse_lsp.evaluation.masking import BLOCK, LINE, drawn, gap_at, in_mixed_order, spans_of
from codefuse_lsp.evaluation.source_files import SourceFile

PYTHON = '''\
"""A module."""

import os
from os.path import (
    join,
)


class Basket:
    # what was bought
    def total(self, prices):
        """Return the sum.

        Prices are numbers.
        """
        found = 0
        for price in prices:
            found += price
        return found

    def name(self): return "basket"


TEXT = """
not code at all
"""
BRACKETS = [
    os.sep,
]
if BRACKETS:
    pass
else:
    print(TEXT)
'''
BODIES = {
    "javascript": "const add = (a, b) => {\n  const sum = a + b;\n  return sum;\n};\n",
    "typescript": "class A {\n  add(a: number): number {\n    const sum = a + 1;\n    return sum;\n  }\n}\n",
    "go": "package a\n\nfunc add(a int) int {\n\tsum := a + 1\n\treturn sum\n}\n",
    "rust": "fn add(a: i32) -> i32 {\n    let sum = a + 1;\n    sum\n}\n",
    "java": "class A {\n    int add(int a) {\n        int sum = a + 1;\n        return sum;\n    }\n}\n",
    "c": "int add(int a) {\n    int sum = a + 1;\n    return sum;\n}\n",
    "cpp": "int A::add(int a) {\n    int sum = a + 1;\n    return sum;\n}\n",
    "csharp": "class A {\n    int Add(int a) {\n        int sum = a + 1;\n        return sum;\n    }\n}\n",
    "ruby": "def add(a)\n  sum = a + 1\n  return sum\nend\n",
    "php": "<?php\nfunction add($a) {\n    $sum = $a + 1;\n    return $sum;\n}\n",
    "lua": "function add(a)\n  local sum = a + 1\n  return sum\nend\n",
    "shellscript": "add() {\n  sum=$(($1 + 1))\n  echo $sum\n}\n",
    "python": "def add(a):\n    sum = a + 1\n    return sum\n",
}
SUFFIXES = {"python": "py", "go": "go", "lua": "lua"}


def masked(text: str, language: str, kind: str) -> list[str]:
    """Return what is masked in a text, each piece as it stands there."""
    source = text.encode("utf-8")
    return [source[span.start : span.stop].decode() for span in spans_of(source, language) if span.kind == kind]


def write(folder: Path, name: str, text: str) -> SourceFile:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8"))
    language = next(language for language, suffix in SUFFIXES.items() if name.endswith(f".{suffix}"))
    return SourceFile(path, name, language)


def test_lines_that_say_something_are_masked_and_no_others() -> None:
    assert masked(PYTHON, "python", LINE) == [
        "class Basket:",
        "def total(self, prices):",
        "found = 0",
        "for price in prices:",
        "found += price",
        "return found",
        'def name(self): return "basket"',
        'TEXT = """',
        "BRACKETS = [",
        "os.sep,",
        "if BRACKETS:",
        "print(TEXT)",
    ]


def test_the_body_of_a_function_is_masked_behind_its_docstring() -> None:
    assert masked(PYTHON, "python", BLOCK) == [
        "found = 0\n        for price in prices:\n            found += price\n        return found"
    ]


@pytest.mark.parametrize("language", BODIES)
def test_the_body_of_a_function_is_found_in_each_language(language: str) -> None:
    lines = BODIES[language].split("\n")
    first = next(number for number, line in enumerate(lines) if "sum" in line)
    assert masked(BODIES[language], language, BLOCK) == ["\n".join(lines[first : first + 2]).strip()]


def test_a_body_of_many_lines_is_not_masked_whole() -> None:
    lines = "".join(f"    value_{number} = {number}\n" for number in range(12))
    assert len(masked(f"def f():\n{lines}", "python", BLOCK)) == 1
    assert masked(f"def f():\n{lines}    return value_0\n", "python", BLOCK) == []


def test_a_language_without_a_grammar_and_a_binary_file_have_no_places() -> None:
    assert spans_of(b"total = 1\n", "cobol") == []
    assert spans_of(b"total = 1\n\0", "python") == []


@given(
    st.lists(
        st.sampled_from(
            [
                "def total(a):",
                "    count = '😀' + a",
                "\tif count:",
                "\t\tprint(count)  ",
                "",
                "# é",
                "    return count",
                "}",
            ]
        ),
        max_size=12,
    ),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["", "\n", "\r\n"]),
)
def test_masked_and_answer_are_the_file_byte_for_byte(lines: list[str], end: str, last: str) -> None:
    source = (end.join(lines) + last).encode("utf-8")
    file = SourceFile(Path("/p/a.py"), "a.py", "python")
    gaps = [gap_at(file, source, span) for span in spans_of(source, "python")]
    assert len({gap.id for gap in gaps}) == len(gaps)
    for gap in gaps:
        assert (gap.before + gap.missing + gap.after).encode("utf-8") == source
        assert gap.filled(gap.missing).encode("utf-8") == source
        assert gap.missing.lstrip() == gap.missing != "" and "\r" not in gap.missing.replace("\r\n", "")[-1:]
        assert not gap.before.splitlines()[-1:] or not gap.before.rpartition("\n")[2].rpartition("\r")[2].strip()
        assert gap.after[:1] in ("", "\n", "\r")


def test_the_masked_document_keeps_all_but_the_answer(tmp_path: Path) -> None:
    text = "def f(a):\r\n\tname = '😀'\r\n\treturn name + a\r\n"
    file = write(tmp_path, "a.py", text)
    (block,) = [gap for gap in drawn([file], 0, None) if gap.kind == BLOCK]
    assert block.before + "│" + block.after == "def f(a):\r\n\t│\r\n"
    assert block.missing == "name = '😀'\r\n\treturn name + a"
    assert block.id == "a.py:2:block" and block.path == str(file.path)


def places(gaps: list[Gap]) -> list[str]:
    return [gap.id for gap in gaps]


def test_a_sample_is_always_the_same_and_a_smaller_one_is_within_a_larger(tmp_path: Path) -> None:
    files = [write(tmp_path, f"m{number}.py", PYTHON) for number in range(5)]
    every = places(drawn(files, 3, None))
    assert len(set(every)) == len(every) == 5 * 13
    assert places(drawn(files[::-1], 3, 9)) == every[:9]
    assert places(drawn(files, 4, 9)) != every[:9]


def test_places_are_spread_over_files_before_a_file_is_taken_again(tmp_path: Path) -> None:
    files = [write(tmp_path, f"m{number}.py", PYTHON) for number in range(6)]
    gaps = drawn(files, 0, 12)
    assert [len({gap.path for gap in half}) for half in (gaps[:6], gaps[6:])] == [6, 6]
    assert {gap.kind for gap in drawn(files, 0, 30)} == {LINE, BLOCK}


def test_a_language_of_few_files_gets_its_places_too(tmp_path: Path) -> None:
    many = [write(tmp_path, f"m{number}.py", PYTHON) for number in range(100)]
    few = [write(tmp_path, f"m{number}.lua", BODIES["lua"]) for number in range(4)]
    head = in_mixed_order([*many, *few], 0)[:24]
    assert 3 <= sum(file.language == "lua" for file in head) <= 5


def test_a_name_that_is_not_utf_8_is_a_name_like_others() -> None:
    source, name = b"total = 1\n", os.fsdecode(b"caf\xe9.py")
    file = SourceFile(Path("/p") / name, name, "python")
    (span,) = spans_of(source, "python")
    gap = gap_at(file, source, span)
    assert gap.id == f"{name}:1:line" and gap.asked(100).context.uri.isascii()


def test_a_file_whose_name_is_not_utf_8_gives_its_places(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.py")
    try:
        path.write_text(textwrap.dedent(PYTHON))
    except OSError:
        pytest.skip("file names are UTF-8 here")
    gaps = drawn([SourceFile(path, path.name, "python")], 0, 60)
    assert len(gaps) == 13 and len({gap.asked(100).context.uri for gap in gaps}) == 13


def test_one_file_gives_all_its_places(tmp_path: Path) -> None:
    gaps = drawn([write(tmp_path, "only.py", textwrap.dedent(PYTHON))], 0, 60)
    assert len(gaps) == 13


def test_a_file_that_has_gone_meanwhile_is_passed_over(tmp_path: Path) -> None:
    files = [write(tmp_path, "here.py", PYTHON), SourceFile(tmp_path / "gone.py", "gone.py", "python")]
    assert {gap.path for gap in drawn(files, 0, None)} == {str(tmp_path / "here.py")}
