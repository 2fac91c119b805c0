from __future__ import annotations

import pytest

from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.context.trees import syntax_at
from codefuse_lsp.context.whereabouts import Within, fenced_code, within


def context(drawn: str, language: str) -> CursorContext:
    before, cursor, after = drawn.partition("│")
    assert cursor
    return CursorContext("file:///a", "a", language, 1, before, after)


@pytest.mark.parametrize(
    ("language", "drawn", "expected"),
    [
        ("python", "x = │\n", Within.CODE),
        ("python", "x = '│'\n", Within.STRING),
        ("python", "x = 'a'│\n", Within.CODE),
        ("python", "x = f'{│}'\n", Within.CODE),
        ("python", "x = '''\n│\n'''\n", Within.STRING),
        ("python", "x = 1  # a│\n", Within.COMMENT),
        ("python", "# a\n│\n", Within.CODE),
        ("javascript", "`${a.│}`\n", Within.CODE),
        ("javascript", "`a│`\n", Within.STRING),
        ("javascript", "/* a */│\n", Within.CODE),
        ("javascript", "/* a\n│ */\n", Within.COMMENT),
        ("rust", 'let a = r#"b│"#;\n', Within.STRING),
        ("go", "a := `b│`\n", Within.STRING),
        ("ruby", "a = <<~B\n  c│\nB\n", Within.STRING),
        ("ruby", 'a = "#{b.│}"\n', Within.CODE),
        ("php", '<?php\n$a = "b│";\n', Within.STRING),
        ("shellscript", "a='b│'\n", Within.STRING),
        ("shellscript", 'a="$(b │)"\n', Within.CODE),
        ("yaml", "a: b│\n", Within.CODE),
        ("yaml", "a: |\n  b│\n  c\n", Within.STRING),
        ("html", "<!-- a│ -->\n", Within.COMMENT),
        ("css", "/* a│ */\n", Within.COMMENT),
        ("lua", "--[[ a│ ]]\n", Within.COMMENT),
        ("toml", "a = 'b│'\n", Within.STRING),
        ("json", '{"a│": 1}\n', Within.STRING),
        ("markdown", "a│\n", Within.PROSE),
    ],
)
def test_what_the_cursor_stands_in(language: str, drawn: str, expected: Within) -> None:
    at = context(drawn, language)
    assert within(at, syntax_at(language, at.prefix, at.suffix)) is expected


@pytest.mark.parametrize(("language", "drawn"), [("nim", "x│\n"), ("sql", "-- a│\n"), ("swift", "  // a│\n")])
def test_without_a_tree_the_line_tells(language: str, drawn: str) -> None:
    expected = Within.CODE if language == "nim" else Within.COMMENT
    assert within(context(drawn, language), None) is expected


@pytest.mark.parametrize(
    ("drawn", "language", "prefix", "suffix"),
    [
        ("a\n```py\nx = │1\n```\nb\n", "python", "x = ", "1\n"),
        ("~~~rust\nfn │\n~~~\n", "rust", "fn ", "\n"),
        ("```\n│", "plaintext", "", ""),
        ("```js\na\n```\n\n```c++ title=a\nb│", "cpp", "b", ""),
    ],
)
def test_fenced_code_is_read_as_its_own_language(drawn: str, language: str, prefix: str, suffix: str) -> None:
    found = fenced_code(context(drawn, "markdown"))
    assert found is not None
    assert (found.language, found.prefix, found.suffix) == (language, prefix, suffix)


@pytest.mark.parametrize("drawn", ["a│\n```py\nx\n```\n", "```py\nx\n```\n│", "``` a ``` │\n", "```py│\nx\n```\n"])
def test_outside_of_a_fence_there_is_no_code(drawn: str) -> None:
    assert fenced_code(context(drawn, "markdown")) is None
