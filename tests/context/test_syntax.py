import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.context.grammars import GRAMMARS
from codefuse_lsp.context.statements import closed_statements
from codefuse_lsp.context.syntax import (
    LineSpan,
    definition,
    definition_name,
    enclosing_definition,
    language_of,
    parses,
    whole_statements,
)

PYTHON = """\
import os

# Counts things.
# Slowly.
@cache
class Counter:
    # Adds one.
    @property
    def more(self):
        def inner():
            return 1

        return inner()

    total = 0


VALUE = 3  # not about the next

def last(): return VALUE
"""
TYPESCRIPT = """\
import { x } from './x';

/** Adds. */
export function add(a: number, b: number): number {
  return a + b;
}

export const twice = (n: number) => {
  return n * 2;
};

@Component()
export class Shop {
  /** Sells. */
  @Log()
  sell(): void {
    x();
  }
}
"""
GO = """\
package shop

// Price is a number of cents.
type Price struct {
	cents int
}

// Add adds.
func (p *Price) Add(o Price) {
	p.cents += o.cents
}
"""
RUST = """\
/// A shop.
#[derive(Debug)]
struct Shop {
    size: u8,
}

impl Shop {
    /// Grows.
    #[inline]
    fn grow(&mut self) {
        self.size += 1;
    }
}
"""
JAVA = """\
package a;

/** A shop. */
@Deprecated
public class Shop {
    int size;

    // Grows.
    @Override
    void grow() {
        size++;
    }
}
"""


RIGHT = {
    **{"python": "x = 1\n", "go": "package a\n", "rust": "fn a() {}\n", "java": "class A {}\n", "lua": "x = 1\n"},
    **{"c": "int a;\n", "cpp": "int a;\n", "csharp": "class A {}\n", "ruby": "x = 1\n", "php": "<?php\n$x = 1;\n"},
    **{"shellscript": "a=1\n", "html": "<p>a</p>\n", "css": "p { top: 0; }\n", "json": "[1]\n", "jsonc": "[1] // a\n"},
    **{"yaml": "a: 1\n", "toml": "a = 1\n"},
}
WRONG = {"html": "<p </b>\n", "php": "<?php\n][ = (\n"}


@pytest.mark.parametrize("language", sorted(GRAMMARS.keys() - {"markdown"}))
def test_every_grammar_tells_right_from_wrong(language: str) -> None:
    assert parses(RIGHT.get(language, "let x = 1;\n"), language) is True
    assert parses(WRONG.get(language, "][ = (\n"), language) is False


def test_any_text_is_markdown() -> None:
    assert parses("][ = (\n", "markdown") is True


@pytest.mark.parametrize("text", ["def f():\n", "class A:\n    def f(self):\n\n", "try:\n    x\n", "if x:\n    # c\n"])
def test_a_python_statement_without_its_body_does_not_parse(text: str) -> None:
    assert parses(text, "python") is False


@pytest.mark.parametrize("text", ["", "try:\n    x\nfinally:\n    y\n", "if x: pass\n", "x = '\ud800'\n"])
def test_a_python_text_without_a_fault_parses(text: str) -> None:
    assert parses(text, "python") is True


def test_an_unknown_language_gets_no_answer() -> None:
    assert parses("x", "cobol") is None
    assert enclosing_definition("x", "cobol", 0) is None
    assert definition_name("x", "cobol", LineSpan(0, 1)) is None


@pytest.mark.parametrize(
    ("text", "language", "line", "span", "name", "owner"),
    [
        (PYTHON, "python", 0, None, None, None),
        (PYTHON, "python", 2, (2, 15), "Counter", ""),
        (PYTHON, "python", 4, (2, 15), "Counter", ""),
        (PYTHON, "python", 6, (6, 13), "more", "Counter"),
        (PYTHON, "python", 10, (9, 11), "inner", "Counter"),
        (PYTHON, "python", 12, (6, 13), "more", "Counter"),
        (PYTHON, "python", 14, (2, 15), "Counter", ""),
        (PYTHON, "python", 17, None, None, None),
        (PYTHON, "python", 19, (19, 20), "last", ""),
        (PYTHON, "python", 999, None, None, None),
        (TYPESCRIPT, "typescript", 2, (2, 6), "add", ""),
        (TYPESCRIPT, "typescriptreact", 4, (2, 6), "add", ""),
        (TYPESCRIPT, "typescript", 8, (7, 10), "twice", ""),
        (TYPESCRIPT, "typescript", 11, (11, 19), "Shop", ""),
        (TYPESCRIPT, "typescript", 13, (13, 18), "sell", "Shop"),
        (TYPESCRIPT, "typescript", 15, (13, 18), "sell", "Shop"),
        (GO, "go", 2, (2, 6), "Price", ""),
        (GO, "go", 9, (7, 11), "Add", "Price"),
        (RUST, "rust", 1, (0, 5), "Shop", ""),
        (RUST, "rust", 7, (7, 12), "grow", "Shop"),
        (RUST, "rust", 6, (6, 13), "Shop", ""),
        (JAVA, "java", 2, (2, 13), "Shop", ""),
        (JAVA, "java", 9, (7, 12), "grow", "Shop"),
    ],
)
def test_the_innermost_definition_has_its_decorators_and_comments(
    text: str, language: str, line: int, span: tuple[int, int] | None, name: str | None, owner: str | None
) -> None:
    found = enclosing_definition(text, language, line)
    assert found == (LineSpan(*span) if span else None)
    if found is not None:
        whole = definition(text, language, found)
        assert whole is not None
        assert (whole.name, whole.owner, whole.span) == (name, owner, found)
        assert definition_name(text, language, found) == name


def test_a_selection_is_named_by_the_first_definition_inside_it() -> None:
    assert definition_name(PYTHON, "python", LineSpan(6, 15)) == "more"
    assert definition_name(PYTHON, "python", LineSpan(0, 21)) == "Counter"
    assert definition_name(PYTHON, "python", LineSpan(14, 18)) is None


def test_a_definition_is_found_while_its_body_is_being_typed() -> None:
    assert enclosing_definition("def f(a):\n    x = a.\n\ndef g():\n    pass\n", "python", 1) == LineSpan(0, 2)


@pytest.mark.parametrize(
    ("language", "whole", "rest"),
    [
        ("python", "def test_a():\n    assert f(1) == 2\n", "\n\ndef test_b():\n    assert f("),
        ("python", "x = 1\n", "# about b\n@mark\ndef test_b(:\n"),
        ("python", "import a\n", "def f():\n"),
        ("python", "if a:\n    b\nelse:\n    c\n", "x = ["),
        ("typescript", "it('a', () => {\n  f();\n});\n", "it('b', () => {\n  f("),
        ("go", 'package a\n\nimport "testing"\n', "\nfunc TestA(t *testing.T) {\n\tif"),
        ("rust", "fn a() {}\n", "#[test]\nfn b() {\n    let x ="),
        ("java", "class A {\n    int b;\n}\n", "class B {\n    int"),
        ("python", "", "def f(:\n"),
        ("python", "", "# only a comment\n"),
        ("cobol", "MOVE A.\n", "MOVE"),
        ("cobol", "", "MOVE"),
    ],
)
def test_a_text_is_cut_back_to_its_last_whole_statement(language: str, whole: str, rest: str) -> None:
    assert whole_statements(whole + rest, language) == whole


def test_a_whole_text_is_left_as_it_is() -> None:
    assert whole_statements("x = 1  \n\n\n", "python") == "x = 1  \n\n\n"


@given(
    st.lists(st.sampled_from(["x = 1\n", "def f():\n", "    y\n", "@d\n", "# c\n", "\n", "  (", "'''", "\f\n", "z"]))
)
def test_what_is_kept_is_a_head_of_the_text_that_parses(pieces: list[str]) -> None:
    text = "".join(pieces)
    kept = whole_statements(text, "python")
    assert text.startswith(kept)
    assert parses(kept, "python")


@pytest.mark.parametrize(
    ("language", "text", "closed"),
    [
        (
            "typescript",
            "describe('a', () => {\n  it('b', () => {\n    f();\n  });\n  it('c', () => {\n    g(\n",
            "describe('a', () => {\n  it('b', () => {\n    f();\n  });\n});\n",
        ),
        (
            "rust",
            "mod tests {\n    #[test]\n    fn t() {\n        assert!(a);\n        assert!(",
            "mod tests {\n    #[test]\n    fn t() {\n        assert!(a);\n    }\n}\n",
        ),
        (
            "java",
            "class T {\n    @Test\n    void a() {\n        b();\n    }\n    @Test\n    void",
            "class T {\n    @Test\n    void a() {\n        b();\n    }\n}\n",
        ),
        (
            "go",
            "package a\nfunc T() {\n\tif x {\n\t\ty()\n\t}\n\tz(",
            "package a\nfunc T() {\n\tif x {\n\t\ty()\n\t}\n}\n",
        ),
        ("python", "def f():\n    assert a\n    assert b(", "def f():\n    assert a\n"),
        ("cobol", "MOVE A.\nMO", "MOVE A.\n"),
        ("python", "(((", ""),
    ],
)
def test_open_blocks_are_closed_after_the_last_whole_statement(language: str, text: str, closed: str) -> None:
    assert closed_statements(text, language) == closed


def test_threads_may_parse_at_once() -> None:
    answers: list[bool | None] = []
    threads = [threading.Thread(target=lambda: answers.append(parses(PYTHON * 50, "python"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 4


def test_a_minified_line_ends() -> None:
    assert enclosing_definition("function f(){a();}" * 20_000, "javascript", 0) is not None


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("a/b.py", "python"),
        ("B.TSX", "typescriptreact"),
        ("x.test.ts", "typescript"),
        ("Dockerfile", "dockerfile"),
        ("CMakeLists.txt", "cmake"),
        ("LICENSE", "plaintext"),
        ("", "plaintext"),
    ],
)
def test_a_file_name_tells_the_language(path: str, language: str) -> None:
    assert language_of(path) == language


def test_a_grammar_is_imported_when_it_is_needed() -> None:
    import subprocess

    code = "import sys, codefuse_lsp.context.syntax; print([m for m in sys.modules if m.startswith('tree_sitter_')])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
