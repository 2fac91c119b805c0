"""Code at another indentation: moved as a whole, in the style of the file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.edits.restyling import Style, indent_of, reindented, style_of

FOUR, TWO, TAB = Style("    "), Style("  "), Style("\t")


def moved(code: str, base: str, style: Style) -> str:
    return "\n".join(reindented(code.split("\n"), base, style))


@pytest.mark.parametrize(
    ("code", "base", "style", "expected"),
    [
        ("if a:\n    b\n", "", FOUR, "if a:\n    b\n"),
        ("if a:\n    b", "        ", FOUR, "        if a:\n            b"),
        ("        if a:\n            b", "    ", FOUR, "    if a:\n        b"),
        ("if a:\n    b", "\t", TAB, "\tif a:\n\t\tb"),
        ("if a:\n\tb", "  ", TWO, "  if a:\n    b"),
        ("if a:\n    if b:\n        c", "  ", TWO, "  if a:\n    if b:\n      c"),
        ("if a:\n  b", "", FOUR, "if a:\n    b"),
        ("f(a,\n  b)", "    ", FOUR, "    f(a,\n      b)"),  # lined up, and no step
        ("int f(a,\n      b) {\n    x\n}", "\t", TAB, "\tint f(a,\n\t\t  b) {\n\t\tx\n\t}"),
        ("def f():\n        return 1", "    ", FOUR, "    def f():\n        return 1"),  # the first line lost its own
        ("foo() {\n        x\n    }", "    ", FOUR, "    foo() {\n        x\n    }"),
        ("@a\n    def f():\n        pass", "    ", FOUR, "    @a\n    def f():\n        pass"),
        ("def f():\n  return 1", "  ", TWO, "  def f():\n    return 1"),
        ("a\n\n\nb", "  ", TWO, "  a\n\n\n  b"),
        (
            "/**\n * Doc.\n */\nf() {\n  x\n}",
            "    ",
            FOUR,
            "    /**\n     * Doc.\n     */\n    f() {\n        x\n    }",
        ),
    ],
)
def test_code_goes_to_its_place(code: str, base: str, style: Style, expected: str) -> None:
    assert moved(code, base, style) == expected


def test_what_is_inside_a_string_moves_and_keeps_its_own_indentation() -> None:
    lines = ["x = '''", "  sql", "      more", "'''", "if x:", "    y"]
    assert reindented(lines, "  ", TWO, {1, 2, 3}) == [
        "  x = '''",
        "    sql",
        "        more",
        "  '''",
        "  if x:",
        "    y",
    ]


@pytest.mark.parametrize(
    ("text", "language", "step"),
    [
        ("a\n    b\n        c\n", "python", "    "),
        ("a\n  b\n    c\n", "python", "  "),
        ("a {\n\tb\n}\n", "c", "\t"),
        ("", "go", "\t"),
        ("", "typescript", "  "),
        ("", "python", "    "),
        ("/*\n * a\n */\nf\n\tg\n", "c", "\t"),
        ("f(a,\n  b)\nif:\n    c\nif:\n    d\n", "python", "    "),
    ],
)
def test_the_style_of_a_file_is_told_by_its_lines(text: str, language: str, step: str) -> None:
    assert style_of(text.splitlines(), language).step == step


LINES = st.lists(
    st.tuples(
        st.text(alphabet=" \t", max_size=9), st.sampled_from(["a", "if b:", "f(", ")", "{", "}", "# c", "* d", ""])
    ).map("".join),
    max_size=12,
)
BASES = st.sampled_from(["", "  ", "    ", "\t", "\t\t"])
STYLES = st.sampled_from([FOUR, TWO, TAB])


@given(LINES, BASES, STYLES)
def test_doing_it_twice_changes_nothing_more(lines: list[str], base: str, style: Style) -> None:
    once = reindented(lines, base, style, first=False)
    assert reindented(once, base, style, first=False) == once


@given(LINES, BASES, STYLES)
def test_nothing_but_indentation_is_changed(lines: list[str], base: str, style: Style) -> None:
    assert [line.strip() for line in reindented(lines, base, style)] == [line.strip() for line in lines]


@given(
    st.recursive(st.just(None), lambda inner: st.lists(inner, min_size=1, max_size=3), max_leaves=12),
    BASES,
    STYLES,
    STYLES,
)
def test_blocks_are_as_deep_in_any_style(tree: object, base: str, ours: Style, theirs: Style) -> None:
    def lines(node: object, depth: int, step: str) -> list[str]:
        head = [f"{step * depth}x:"]
        return (
            head + [line for child in node for line in lines(child, depth + 1, step)]
            if isinstance(node, list)
            else head
        )

    expected = [base + line for line in lines(tree, 0, ours.step)]
    assert reindented(lines(tree, 0, theirs.step), base, ours) == expected
    assert all(indent_of(line).startswith(base) for line in expected)
