"""Where documentation goes, and in which style."""

import pytest

from codefuse_lsp.context.definitions import enclosing_definition
from codefuse_lsp.context.doc_comments import DocPlace, doc_place
from codefuse_lsp.context.languages import language_of


def place(drawn: str, name: str = "a.py") -> DocPlace | None:
    """Return the place for the definition at the cursor."""
    before, _, after = drawn.partition("│")
    language = language_of(name)
    span = enclosing_definition(before + after, language, before.count("\n"))
    return None if span is None else doc_place(before + after, language, span)


def rows(drawn: str, name: str = "a.py") -> tuple[int, int] | None:
    found = place(drawn, name)
    return None if found is None else (found.span.start, found.span.stop)


@pytest.mark.parametrize(
    ("drawn", "name", "expected"),
    [
        ("def f():│\n    return 1\n", "a.py", (1, 1)),
        ("@x\nasync def f(\n    a,\n):  # note│\n    return 1\n", "a.py", (4, 4)),
        ("def f():\n    '''Old.\n    '''│\n    return 1\n", "a.py", (1, 3)),
        ("class A:│\n    x = 1\n", "a.py", (1, 1)),
        ("def f(): return 1│\n", "a.py", None),
        ("def f():\n    '''Old.'''; x = 1│\n", "a.py", None),
        ("x = 1│\n", "a.py", None),
        ("// note\nfunction f() {│\n}\n", "a.js", (1, 1)),
        ("/** Old. */\nfunction f() {│\n}\n", "a.js", (0, 1)),
        ("export default class A {\n  @dec() f() {│}\n}\n", "a.ts", (1, 1)),
        ("const f = () => {│\n};\n", "a.js", (0, 0)),
        ("x(); function f() { return 1; }│\n", "a.js", (0, 0)),
        ("// Old f.\nfunc f() {│\n}\n", "a.go", (1, 1)),
        ("package a\n\n// f is old.\n// And more.\nfunc f() {│\n}\n", "a.go", (2, 4)),
        ("package a\n\n// f is old.\n//go:noinline\nfunc f() {│\n}\n", "a.go", (2, 3)),
        ("package a\n\n// TODO: more\nfunc f() {│\n}\n", "a.go", (3, 3)),
        ("/// Old.\n#[inline]\nfn f() {│\n}\n", "a.rs", (0, 1)),
        ("// note\n#[inline]\nfn f() {│\n}\n", "a.rs", (1, 1)),
        ("class A {\n    @Override\n    void f() {│}\n}\n", "A.java", (1, 1)),
        ("# TODO\ndef f\n  1│\nend\n", "a.rb", (1, 1)),
        ("# Old.\ndef f\n  1│\nend\n", "a.rb", (0, 1)),
        ("template <typename T>\nT f(T x) {│\n  return x;\n}\n", "a.cpp", (0, 0)),
        ("f() {│\n  :\n}\n", "a.sh", (0, 0)),
    ],
)
def test_where_it_goes(drawn: str, name: str, expected: tuple[int, int] | None) -> None:
    assert rows(drawn, name) == expected


GOOGLE = "def g():\n    '''Do.\n\n    Returns:\n        1.\n    '''\n\n\n"


@pytest.mark.parametrize(
    ("above", "style", "quotes"),
    [
        ("", "Google", '"""'),
        (GOOGLE, "Google", "'''"),
        ('def g():\n    """Do.\n\n    Returns\n    -------\n    int\n    """\n\n\n', "NumPy", '"""'),
        ('def g():\n    """Do.\n\n    :returns: 1\n    """\n\n\n', "Sphinx", '"""'),
        ('"""Module."""\n\n\ndef g():\n    """Do."""\n\n\n', "plain", '"""'),
    ],
)
def test_docstrings_are_as_the_file_writes_them(above: str, style: str, quotes: str) -> None:
    found = place(f"{above}def f(a):│\n    return a\n")
    assert found is not None and (found.style.name, found.style.opening) == (style, quotes)


@pytest.mark.parametrize(
    ("above", "opening", "line", "example"),
    [
        ("", "/**", " * ", "@brief"),
        ("/// \\brief Old.\nint g(void) { return 1; }\n\n", "", "/// ", "\\brief"),
        ("/**\n * @brief Old.\n */\nint g(void) { return 1; }\n\n", "/**", " * ", "@brief"),
    ],
)
def test_doxygen_is_as_the_file_writes_it(above: str, opening: str, line: str, example: str) -> None:
    found = place(f"{above}int f(int a) {{│\n  return a;\n}}\n", "a.c")
    assert found is not None
    assert (found.style.opening, found.style.line) == (opening, line) and found.style.example.startswith(example)
