import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.context.scopes import Scopes, enclosing_headers
from tests.context.places import cursor_in

PYTHON = '''\
class Account(Base):
    """Money."""

    currency: str = "EUR"
    LIMIT = 3

    def __init__(
        self,
        owner: str,
    ) -> None:
        self.owner = owner
        self.balance: int = 0
        if owner == "x":
            self.vip = True

    def pay(self, amount: int) -> bool:
        # deep
        for part in split(amount):
            ‸
'''


ALLMAN = ["namespace a", "class B", "void c(int x)"]  # braces on lines of their own


def headers(drawing: str) -> list[str]:
    cursor = cursor_in(drawing)
    return [cursor.document.lines[i].strip() for i in enclosing_headers(cursor.document.lines, cursor.line)]


def hidden(drawing: str, language: str = "python", budget_chars: int = 120) -> str:
    """What the source tells when the window shows next to nothing."""
    cursor = cursor_in(drawing, language=language, budget_chars=budget_chars)
    return "".join(snippet.text for snippet in Scopes().find(cursor, 0.0))


def test_the_headers_round_the_cursor_are_found_without_loops_and_branches() -> None:
    assert headers(PYTHON) == ["class Account(Base):", "def pay(self, amount: int) -> bool:"]


def test_a_header_of_several_lines_is_found_from_its_end() -> None:
    assert headers("def f(\n    a,\n    b,\n) -> int:\n    x = 1\n    ‸\n") == ["def f("]


@pytest.mark.parametrize(
    ("drawing", "expected"),
    [
        ("def f():\n    pass\n\n\n‸x = 1\n", []),
        ("def f():\n‸\n", ["def f():"]),
        ("def f():\n    a = 1\n‸\n", ["def f():"]),
        ("def f():\n    a = 1\n\n    ‸\n", ["def f():"]),
        ("class A {\n  run() {\n    if (x) {\n      ‸\n    }\n  }\n}\n", ["class A {", "run() {"]),
        ("impl A {\n    pub fn b(&mut self, x: i32) {\n        ‸\n", ["impl A {", "pub fn b(&mut self, x: i32) {"]),
        ("func (s *Stack) Push(x int) {\n\t‸\n}\n", ["func (s *Stack) Push(x int) {"]),
        ("namespace a\n{\n    class B\n    {\n        void c(int x)\n        {\n            ‸\n", ALLMAN),
        ("‸", []),
    ],
)
def test_scopes_are_told_in_any_language_that_indents(drawing: str, expected: list[str]) -> None:
    assert headers(drawing) == expected


def test_headers_and_fields_that_the_window_cuts_off_are_told() -> None:
    assert hidden(PYTHON) == (
        "class Account(Base):\n"
        '    currency: str = "EUR"\n'
        "    def __init__(\n        self,\n        owner: str,\n    ) -> None:\n"
        "        self.owner = owner\n        self.balance: int = 0\n            self.vip = True\n"
        "    def pay(self, amount: int) -> bool:\n"
    )


def test_fields_of_other_languages_are_told() -> None:
    script = (
        "class Cart {\n  private items: Item[] = [];\n  constructor(a: A) {\n    this.a = a;\n  }\n" + "  // …\n" * 30
    )
    assert hidden(script + "  total() {\n    ‸\n", "typescript") == (
        "class Cart {\n  private items: Item[] = [];\n  constructor(a: A) {\n    this.a = a;\n"
    )
    java = "class Cart {\n    private final List<Item> items;\n" + "    // …\n" * 30 + "    int total() {\n        ‸\n"
    assert hidden(java, "java") == "class Cart {\n    private final List<Item> items;\n"


def test_what_the_window_shows_is_not_told_again() -> None:
    assert hidden(PYTHON, budget_chars=4000) == ""


@given(st.text("ab:{}()\n\t self.=class def", max_size=200), st.integers(0, 30))
def test_any_text_is_read(text: str, line: int) -> None:
    cursor = cursor_in(text + "‸", budget_chars=20)
    Scopes().find(cursor, 0.0)
    enclosing_headers(cursor.document.lines, line)
