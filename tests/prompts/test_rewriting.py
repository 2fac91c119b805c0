"""The prompts of actions that change code, and what of their answers is meant."""

from __future__ import annotations

import pytest

from codefuse_lsp.context.definitions import enclosing_definition
from codefuse_lsp.context.doc_comments import DocStyle, doc_place
from codefuse_lsp.prompts.committing import commit_prompt, message_in
from codefuse_lsp.prompts.documenting import document_prompt
from codefuse_lsp.prompts.formats import ModelFormat
from codefuse_lsp.prompts.heads import Subject
from codefuse_lsp.prompts.questions import own_turn
from codefuse_lsp.prompts.renaming import names_proposed, rename_prompt
from codefuse_lsp.prompts.reviewing import Found, findings_in, review_prompt
from codefuse_lsp.prompts.rewriting import fix_prompt, optimise_prompt, translate_prompt
from codefuse_lsp.prompts.templates import own_code_prompt, own_prompt

CODEFUSE, MESSAGES = ModelFormat("codefuse"), ModelFormat("messages")
BOT = "<|role_start|>bot<|role_end|>"
ADD = Subject(
    "    def add(self, a):\n        return a + b\n", "python", "cart.py", "add", "Cart", source_head="import x\n"
)
STOPS = ("<|role_start|>", "<|role_end|>")


def test_a_fix_tells_what_is_wrong_and_asks_for_the_whole_code() -> None:
    asked = fix_prompt(ADD, ["undefined\n  name 'b'", "line too long"], CODEFUSE, "Be brief.")
    human, _, bot = asked.prompt.text.partition(BOT)
    assert human.startswith(
        "<|role_start|>system<|role_end|>Be brief.<|role_start|>human<|role_end|># language: Python\n"
    )
    assert "Fix `Cart.add` from `cart.py`." in human
    assert "- undefined name 'b'\n- line too long\n" in human
    assert "The file begins:\n```python\nimport x\n```\n" in human
    assert "```python\ndef add(self, a):\n    return a + b\n```\n" in human
    assert bot == asked.opening == "```python\n" and asked.prompt.stop == (*STOPS, "\n```")


def test_fences_in_the_code_do_not_end_the_answer() -> None:
    asked = optimise_prompt(Subject("T = '''\n```\n'''\n", "python", "a.py"), CODEFUSE)
    assert asked.opening == "````python\n" and asked.prompt.stop[-1] == "\n````"
    assert "````python\nT = '''\n```\n'''\n````\n" in asked.prompt.text


def test_where_the_answer_cannot_be_begun_code_alone_is_asked_for() -> None:
    asked = optimise_prompt(ADD, MESSAGES)
    assert asked.opening == "" and asked.prompt.stop == ()
    assert "Answer with one block of code and nothing else." in asked.prompt.text


def test_a_translation_is_answered_in_the_other_language() -> None:
    asked = translate_prompt(ADD, "go", CODEFUSE)
    assert "from Python to Go" in asked.prompt.text and asked.opening == "```go\n"


@pytest.mark.parametrize(
    ("code", "language", "opening", "stop"),
    [
        ("def f():\n    return 1\n", "python", '```python\n"""', '"""'),
        ("function f() {\n}\n", "javascript", "```javascript\n/**\n *", "*/"),
        ("package a\n\nfunc f() {\n}\n", "go", "```go\n//", "\n```"),
        ("fn f() {\n}\n", "rust", "```rust\n///", "\n```"),
    ],
)
def test_documentation_is_begun_as_the_language_begins_it(code: str, language: str, opening: str, stop: str) -> None:
    span = enclosing_definition(code, language, code.count("\n") - 1)
    assert span is not None
    where = doc_place(code, language, span)
    assert where is not None
    asked = document_prompt(Subject(code, language, "a", "f"), where.style, CODEFUSE)
    assert asked.opening == opening and asked.prompt.stop[-1] == stop
    assert where.style.name in asked.prompt.text and "none of the code" in asked.prompt.text


def test_a_model_that_takes_no_beginning_is_told_with_what_to_begin() -> None:
    asked = document_prompt(ADD, DocStyle("Google", '"""', "", '"""', "Args: sections"), MESSAGES)
    assert 'Begin the block exactly with `"""`.' in asked.prompt.text


CODE = ["def ratio(a, b):", "    total = a + b", "    return a / total", "", "ratio(1, 2)"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("13: error: divides by zero", [Found(2, 2, "error", "Divides by zero")]),
        ("- Line 13: Bug: divides by zero", [Found(2, 2, "error", "Divides by zero")]),
        ("**L12** | hint | odd name", [Found(1, 1, "hint", "Odd name")]),
        ("Lines 11-13: too long to read", [Found(0, 2, "warning", "Too long to read")]),
        ("1. `return a / total` divides by zero", [Found(2, 2, "warning", "`return a / total` divides by zero")]),
        (
            "12: warning: `return a / total` divides by zero",
            [Found(2, 2, "warning", "`return a / total` divides by zero")],
        ),
        ("11: style: x y\n11: style: x y", [Found(0, 0, "hint", "X y")]),
        ("99: error: elsewhere\n13: error: here", [Found(2, 2, "error", "Here")]),
        ("none", []),
        ("No problems were found.", []),
        ("", []),
        ("Looks good to me!", None),
        ("99: error: elsewhere", None),
        ("13:", None),
    ],
)
def test_findings_are_placed_by_the_number_or_the_code_that_is_quoted(
    answer: str, expected: list[Found] | None
) -> None:
    assert findings_in(answer, CODE, 10) == expected


def test_a_review_shows_the_numbers_that_lines_have_in_their_file() -> None:
    text = review_prompt(Subject("\n".join(CODE) + "\n", "python", "a.py", "ratio"), 10, CODEFUSE).text
    assert "11| def ratio(a, b):\n12|     total = a + b\n" in text and text.endswith(BOT)


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        ("width\nheight\n", ["width", "height"]),
        ("1. `width` - how wide\n2) **height**: how high\n* depth\n", ["width", "height", "depth"]),
        ("Here are some names:\nwidth\nThese say more than the old one.\n", ["width"]),
        ("width, height, depth", ["width", "height", "depth"]),
        ("total-width()\n", ["total-width"]),
        ("", []),
    ],
)
def test_names_are_the_words_of_lines_that_are_no_sentences(answer: str, names: list[str]) -> None:
    assert names_proposed(answer) == names
    assert "`add`" in rename_prompt(ADD, "add", CODEFUSE).text


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("Add a thing", "Add a thing"),
        ('"Add a thing"\n', "Add a thing"),
        (
            "Here is the commit message:\n\n```\nAdd a thing\n\nIt was missing.\n```\nHope it helps.",
            "Add a thing\n\nIt was missing.",
        ),
        ("Commit message: Add a thing\nIt was missing.", "Add a thing\n\nIt was missing."),
        ("# Add a thing\nAdd another", "Add another"),
        ("```\n```", ""),
        ("  \n", ""),
    ],
)
def test_a_message_is_what_git_takes(answer: str, message: str) -> None:
    assert message_in(answer) == message


def test_a_message_is_asked_for_with_the_changes_and_the_customs_of_the_repository() -> None:
    text = commit_prompt("+```\n+x\n", ["Say it", "Do it"], CODEFUSE).text
    assert "````diff\n+```\n+x\n````\n" in text and "- Say it\n- Do it\n" in text


def test_a_template_is_filled_once() -> None:
    subject = Subject("x = '{file} {diagnostics}'\n", "python", "{language}.py")
    prompt = own_prompt("Of {file}: {selection}{unknown} {diagnostics}", subject, [], CODEFUSE)
    said = "Of {language}.py: ```python\nx = '{file} {diagnostics}'\n```\n{unknown} none\n"
    assert prompt.text == f"<|role_start|>human<|role_end|>{said}{BOT}"


def test_a_template_without_a_place_for_the_code_is_followed_by_it() -> None:
    asked = own_code_prompt("Shout.", ADD, ["a\nb"], CODEFUSE)
    assert "Shout.\n\n```python\ndef add" in asked.prompt.text and asked.opening == "```python\n"


def test_another_turn_is_no_part_of_an_answer_but_a_tag_of_the_code_is() -> None:
    asked = optimise_prompt(ADD, CODEFUSE).prompt
    assert own_turn("x = 1\n<|role_start|>human<|role_end|>Hi", CODEFUSE, asked) == "x = 1\n"
    own = optimise_prompt(Subject("x = '<|role_end|>'\n", "python", "a.py"), CODEFUSE).prompt
    assert own_turn("y = '<|role_end|>'\n<|role_start|>bot", CODEFUSE, own) == "y = '<|role_end|>'\n"
