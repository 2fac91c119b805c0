"""Documentation out of an answer: the comment alone, written anew, so that nothing in it reaches the code."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.context.definitions import LineSpan, enclosing_definition
from codefuse_lsp.context.doc_comments import DocPlace, doc_place
from codefuse_lsp.edits.documentation import documentation
from codefuse_lsp.edits.replacement import Place, Unfit

PYTHON = "class Box:\n  def area(self, w):\n    return w\n"
FILES = {
    "python": (PYTHON, 1),
    "c": ("int f(int a) {\n  return a;\n}\n", 0),
    "cpp": ("/// Old.\nint f(int a) {\n  return a;\n}\n", 1),
    "java": ("class A {\n    int f() { return 1; }\n}\n", 1),
    "javascript": ("const f = () => {\n};\n", 0),
    "rust": ("fn f() {\n}\n", 0),
    "go": ("package a\n\nfunc f() {\n}\n", 2),
    "ruby": ("def f\nend\n", 0),
    "csharp": ("class A {\n    int F() => 1;\n}\n", 1),
    "lua": ("function f()\nend\n", 0),
}


def where_in(language: str) -> tuple[DocPlace, Place]:
    text, line = FILES[language]
    span = enclosing_definition(text, language, line)
    assert span is not None
    where = doc_place(text, language, span)
    assert where is not None
    return where, Place(text.splitlines(keepends=True), span, language)


def written(language: str, answer: str) -> str:
    return "".join(documentation(answer, *where_in(language)))


@pytest.mark.parametrize(
    ("language", "answer", "expected"),
    [
        ("python", '"""Return the area.', '    """Return the area."""\n'),
        ("python", "```python\ndef area(self, w):\n    '''The area.'''\n    return w\n```", '    """The area."""\n'),
        ("python", 'A "quote"', '    """A "quote" """\n'),
        ("python", "A path C:\\new", '    r"""A path C:\\new"""\n'),
        ("python", "One.\n\nTwo.", '    """One.\n\n    Two.\n    """\n'),
        ("c", "/** One. */", "/**\n * One.\n */\n"),
        ("c", "Ends */ here", "/**\n * Ends\n */\n"),
        ("cpp", "/// One. \\\n/// Two.", "/// One.\n/// Two.\n"),
        ("java", "/**\n * Of \\users.\n */", "    /**\n     * Of \\ users.\n     */\n"),
        ("go", "// f is one.\nfunc f() {\n}", "// f is one.\n"),
        ("csharp", "/// One & two.", "    /// <summary>\n    /// One &amp; two.\n    /// </summary>\n"),
        ("csharp", "/// <summary>A.</summary>", "    /// <summary>A.</summary>\n"),
        ("ruby", "# One.\n#\n# @return [nil]\ndef f", "# One.\n#\n# @return [nil]\n"),
    ],
)
def test_the_comment_is_written_in_the_form_of_its_language(language: str, answer: str, expected: str) -> None:
    assert written(language, answer) == expected


def test_long_lines_are_broken_and_their_entries_hang() -> None:
    entry = "Args:\n    w: " + "how wide it is " * 12
    lines = written("python", f"The area.\n\n{entry}\n").split("\n")
    assert all(len(line) <= 100 for line in lines)
    assert (lines[3].startswith("        w: how") and lines[4].startswith("            how ")) or lines[4].startswith(
        "            "
    )


@pytest.mark.parametrize("answer", ["", "```\n```", "def area(self, w):\n    return w\n", "{", "...", '""""""'])
def test_an_answer_without_documentation_is_refused(answer: str) -> None:
    with pytest.raises(Unfit, match=r"no documentation of `area`\."):
        written("python", answer)


TEXT = st.lists(
    st.sampled_from(
        [
            '"""',
            "'''",
            "*/",
            "/*",
            "\\",
            "\\u",
            "\n",
            "\r",
            " ",
            "word",
            "//",
            "#",
            "]]",
            "<x>",
            "🙂",
            "`",
            "```",
            "def f():",
        ]
    ),
    max_size=14,
).map(" ".join)


@given(st.sampled_from(sorted(FILES)), TEXT)
def test_whatever_is_said_stays_in_the_comment(language: str, said: str) -> None:
    where, place = where_in(language)
    try:
        new = documentation(said, where, place)
    except Unfit:
        return
    lines = [*place.lines[: where.span.start], *new, *place.lines[where.span.stop :]]
    assert all(line.endswith("\n") and line.count("\n") == 1 and "\r" not in line for line in lines)
    after = doc_place("".join(lines), language, LineSpan(place.span.start, place.span.stop + len(new)))
    assert after is not None and after.definition.name == where.definition.name
    if language == "python":
        (box,) = ast.parse("".join(lines)).body
        assert isinstance(box, ast.ClassDef) and isinstance(box.body[0], ast.FunctionDef)
        assert len(box.body[0].body) == 2 and ast.get_docstring(box.body[0])
