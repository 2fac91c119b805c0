"""Code without the bodies of its functions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.context.promises import promise_of
from codefuse_lsp.context.syntax import parses


@pytest.mark.parametrize(
    ("language", "code", "promise"),
    [
        (
            "python",
            'def area(w: int) -> int:\n    """Return it.\n\n    Twice.\n    """\n    return secret\n',
            'def area(w: int) -> int:\n    """Return it.\n\n    Twice.\n    """\n    ...\n',
        ),
        ("python", "def area(w):\n    return secret\n", "def area(w):\n    ...\n"),
        (
            "python",
            "class A:\n    x = 1\n\n    def a(self):\n        def b(): return secret\n        return b\n",
            "class A:\n    x = 1\n\n    def a(self):\n        ...\n",
        ),
        (
            "javascript",
            "// Adds.\nfunction add(a, b) {\n  return secret;\n}\n",
            "// Adds.\nfunction add(a, b) { ... }\n",
        ),
        (
            "typescript",
            "const add = (a: number): number => {\n  return secret;\n};\n",
            "const add = (a: number): number => { ... };\n",
        ),
        (
            "go",
            "// Add adds.\nfunc Add(a int) int {\n\treturn secret\n}\n",
            "// Add adds.\nfunc Add(a int) int { ... }\n",
        ),
        ("rust", "/// Adds.\nfn add(a: i32) -> i32 {\n    secret\n}\n", "/// Adds.\nfn add(a: i32) -> i32 { ... }\n"),
    ],
)
def test_names_types_and_documentation_stay(language: str, code: str, promise: str) -> None:
    assert promise_of(code, language) == promise


def test_without_a_grammar_nothing_is_promised() -> None:
    assert promise_of("ADD 1 TO X.", "cobol") == ""


@given(st.text(max_size=200), st.sampled_from(["python", "go", "rust", "javascript"]))
def test_no_code_is_too_strange(code: str, language: str) -> None:
    promise_of(code, language)


@given(st.lists(st.sampled_from(["    x = 1\n", "    'text'\n", "    def g(): pass\n", "    # note\n"]), min_size=1))
def test_what_parses_goes_on_parsing(body: list[str]) -> None:
    code = "def f():\n" + "".join(body) + "    return 1\n"
    assert parses(promise_of(code, "python"), "python")
