from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codefuse_lsp.context import trees as trees_module
from codefuse_lsp.context.grammars import parse, parse_bytes
from codefuse_lsp.context.trees import SyntaxAt, Trees, syntax_at

FUNCTION = "def f{0}(a):\n    if a:\n        return '→{0}'\n    return [a, {0}]\n\n\n"
LONG = "".join(FUNCTION.format(number) for number in range(1_000))  # 6,000 lines, many regions


def lines_of(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def at(trees: Trees, lines: list[str], line: int, column: int = 0, language: str = "python") -> SyntaxAt:
    with pytest.MonkeyPatch.context() as patch:  # however busy the machine is, a tree is waited for
        patch.setattr(
            trees_module, "parse_bytes", lambda source, language, old, _: parse_bytes(source, language, old, 60)
        )
        found = trees.at("file:///a", language, lines, line, column)
    assert found is not None
    return found


def sexp(found: SyntaxAt) -> str:
    return str(found.root)


def fresh(found: SyntaxAt) -> str:
    """Return the tree that the same text has when it is parsed with nothing remembered."""
    tree = parse_bytes(found.source, found.language, deadline_s=60)
    assert tree is not None
    return str(tree.root_node)


def test_a_small_text_is_parsed_whole() -> None:
    text = "x = 'é'\ny = (\n    1)\n"
    found = at(Trees(), lines_of(text), 1, 3)
    assert found.source.decode() == text
    assert found.cursor == len("x = 'é'\ny =".encode())


def test_a_long_text_is_parsed_in_its_region_which_holds_whole_statements() -> None:
    lines = lines_of(LONG)
    found = at(Trees(), lines, 3_001, 4)
    assert found.source.startswith(b"def f")
    assert not found.root.has_error
    assert len(found.source) < 16 << 10
    assert found.source[: found.cursor].decode().endswith("def f500(a):\n    ")


def test_what_is_typed_in_a_region_is_found_in_the_tree() -> None:
    trees, lines = Trees(), lines_of(LONG)
    before = at(trees, lines, 3_003, 0)
    lines.insert(3_003, "    while a: é()\n")
    after = at(trees, lines, 3_003, 16)
    assert len(after.source) == len(before.source) + len("    while a: é()\n".encode())
    assert "while_statement" in sexp(after) and "while_statement" not in sexp(before)
    assert after.source[: after.cursor].endswith("while a: é()".encode())


def test_an_edit_outside_the_region_is_not_missed() -> None:
    trees, lines = Trees(), lines_of(LONG)
    at(trees, lines, 3_003, 0)
    lines[0] = "class C: pass\n"
    assert b"class C" in at(trees, lines, 2, 0).source


def test_another_language_is_another_tree() -> None:
    trees = Trees()
    assert sexp(at(trees, ["a\n"], 0, language="python")) != sexp(at(trees, ["a\n"], 0, language="json"))


@given(
    st.lists(
        st.tuples(
            st.integers(0, 240),
            st.sampled_from(["x = 1\n", "def g():\n", "    (\n", "'''\n", "é🙂\n", "\n", ")", "class A:\n", "    '→"]),
            st.integers(0, 8),
        ),
        max_size=8,
    )
)
@settings(max_examples=30, deadline=None)
def test_edits_one_after_another_give_the_tree_that_the_text_has(edits: list[tuple[int, str, int]]) -> None:
    trees, lines = Trees(), lines_of("".join(FUNCTION.format(number) for number in range(300)))
    for line, text, removed in edits:
        lines = lines_of("".join([*lines[: line * 7], text, *lines[line * 7 + removed :]]))
        line = min(line * 7, len(lines) - 1)
        found = at(trees, lines, line, 0)
        assert lines[line].encode() in found.source[found.cursor :]
        assert ("ERROR" in sexp(found)) == ("ERROR" in fresh(found))


def test_the_documents_least_recently_asked_about_are_forgotten() -> None:
    trees = Trees(documents=3)
    for number in range(5):
        trees.at(f"file:///{number}", "python", ["x = 1\n"], 0, 0)
    assert len(trees) == 3
    trees.forget("file:///4")
    assert len(trees) == 2


def test_trees_take_no_more_memory_than_they_may() -> None:
    one_statement = ["x = [\n", *["    1,\n"] * 5_000, "]\n"]
    trees = Trees(source_bytes=80_000)
    for number in range(5):
        trees.at(f"file:///{number}", "python", one_statement, 0, 0)
    assert len(trees) == 2


@pytest.mark.parametrize("language", ["cobol", "", "plaintext"])
def test_a_language_without_a_grammar_has_no_tree(language: str) -> None:
    assert Trees().at("file:///a", language, ["x\n"], 0, 0) is None
    assert syntax_at(language, "x", "y") is None


def test_a_place_outside_the_text_is_moved_inside() -> None:
    assert at(Trees(), ["x\n"], 99, 99).cursor == 2
    assert at(Trees(), [], -1, -1).cursor == 0


def test_a_line_of_many_megabytes_is_parsed_round_the_cursor() -> None:
    line = "x = [" + "1, " * 3_000_000
    found = at(Trees(), [line], 0, 4_000_000)
    assert len(found.source) <= trees_module.BEFORE_CHARS + trees_module.AFTER_CHARS


def test_a_text_that_is_too_large_is_parsed_round_the_cursor() -> None:
    lines = lines_of(FUNCTION.format(1) * 40_000)
    found = at(Trees(), lines, 120_003, 4)
    assert not found.root.has_error
    assert len(found.source.decode()) <= trees_module.BEFORE_CHARS + trees_module.AFTER_CHARS + 100


def test_a_text_that_takes_too_long_is_tried_whole_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []

    def parse_late(source: bytes, *arguments: object, **named: object) -> object:
        lengths.append(len(source))
        return None if len(source) > 50_000 else parse_bytes(source, "python")

    monkeypatch.setattr(trees_module, "parse_bytes", parse_late)
    trees, lines = Trees(), lines_of(LONG)
    for _ in range(3):
        lines.insert(3_003, "    x\n")
        found = trees.at("file:///a", "python", lines, 3_003, 5)
        assert found is not None and b"return" in found.source
    assert sum(length > 50_000 for length in lengths) == 1


@pytest.mark.parametrize(
    "language", ["python", "javascript", "cpp", "yaml", "html", "markdown", "shellscript", "csharp"]
)
@pytest.mark.parametrize("piece", ["(", "[", "{", '"a', "<a>", "${", "- ", "\0\x01\xff"])
def test_a_hundred_thousand_brackets_are_given_up_or_parsed(language: str, piece: str) -> None:
    text = piece * 100_000
    found = syntax_at(language, text, text[:9])
    assert found is None or found.cursor == len(text.encode())
    Trees().at("file:///a", language, [text], 0, len(text))


@pytest.mark.parametrize(
    "text", ["- " * 600, "".join(" " * n + "- \n" for n in range(600)), "? " * 600, "a" + " :" * 600]
)
def test_a_text_that_would_overrun_a_grammar_is_not_given_to_it(text: str) -> None:
    assert parse(text, "yaml") is None


def test_a_grammar_that_is_missing_is_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    from codefuse_lsp.context import grammars

    monkeypatch.setitem(grammars.GRAMMARS, "klingon", ("tree_sitter_klingon", "language"))
    assert parse("x", "klingon") is None


def test_threads_may_ask_at_once() -> None:
    trees, lines = Trees(documents=2), lines_of(LONG)
    found: list[bool] = []

    def ask(number: int) -> None:
        for line in range(0, 6_000, 600):
            piece = trees.at(f"file:///{number % 3}", "python", lines, line + 2, 4)
            found.append(piece is not None and not piece.root.has_error)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 60


def test_a_binary_file_has_no_tree() -> None:
    assert syntax_at("python", "x = 1\n\0", "") is None
    assert Trees().at("file:///a", "shellscript", ["\0" * 9_000], 0, 5_000) is None
