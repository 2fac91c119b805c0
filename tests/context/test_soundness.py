from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codefuse_lsp.context import soundness
from codefuse_lsp.context.grammars import GRAMMARS
from codefuse_lsp.context.soundness import adds_flaws, is_sound, longest_sound
from codefuse_lsp.context.trees import SyntaxAt, Trees, syntax_at

CASES: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parents[1] / "golden" / "soundness.toml").read_text("utf-8")
)["case"]


@pytest.fixture(scope="module", autouse=True)
def no_haste() -> Iterator[None]:
    """What is found within the time that there is depends on the machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(soundness, "BUDGET_S", 60.0)
        patch.setattr(soundness, "DEADLINE_S", 60.0)
        yield


def place(drawn: str, language: str) -> SyntaxAt | None:
    before, cursor, after = drawn.partition("│")
    assert cursor
    return syntax_at(language, before, after)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['language']}: {case['about']}")
def test_what_may_be_put_in_without_a_new_syntax_error(case: dict[str, Any]) -> None:
    at = place(case["text"], case["language"])
    replaces = case.get("replaces", 0)
    assert longest_sound(at, case["candidate"], replaces) == case["keeps"]
    assert is_sound(at, case["candidate"], replaces) == (case["keeps"] == case["candidate"])


def test_the_cases_are_many_and_of_many_languages() -> None:
    assert len(CASES) >= 60
    assert GRAMMARS.keys() - {"javascriptreact"} <= {case["language"] for case in CASES}


def test_the_answer_is_the_same_in_a_long_file() -> None:
    filler = "".join(f"def g{number}(a):\n    return [a, {number}]\n\n\n" for number in range(1_500))
    lines = (filler + "def f(x):\n    \n    return x\n\n\n" + filler).splitlines(keepends=True)
    row = lines.index("    \n")
    at = Trees().at("file:///a", "python", lines, row, 4)
    assert longest_sound(at, "y = x\n    z = (") == "y = x"


RIGHT = {
    "python": "import os\n\n\nclass A(B):\n    @c\n    def f(self, a: int = 1) -> str:\n        '''Do é.'''\n"
    "        if a and (b := g(a)):\n            return f'{a!r:>{b}}'\n        else:\n            x = {1: [2, 3]}\n"
    "        try:\n            pass\n        except E as e:\n            raise\n        return None\n\n\nx = 1\n",
    "javascript": "import a from 'b';\n\nexport const f = async (x) => {\n  if (x) {\n    return `a${x}`;\n  }\n"
    "  for (const y of [1, 2]) g(y, { z: 1 });\n};\n\nclass A extends B {\n  c() { return /d/.test(this.e); }\n}\n",
    "go": 'package a\n\nimport "b"\n\nfunc (c *D) E(f int) (g []string, err error) {\n\tif f > 0 {\n\t\treturn h.I()\n'
    "\t}\n\tfor i := range g {\n\t\tj[i] = func() {}\n\t}\n\treturn\n}\n",
    "ruby": 'class A < B\n  def f(a, b: 1)\n    return if a\n    c.each do |d|\n      p "#{d}"\n    end\n  end\nend',
    "json": '{"a": [1, 2, {"b": null}], "c": "d"}\n',
    "css": "a:hover, .b > c {\n  color: rgb(1, 2, 3);\n}\n@media (max-width: 1px) {\n  d { top: 0; }\n}\n",
}


@pytest.mark.parametrize("language", RIGHT)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_what_was_taken_out_of_a_right_file_may_be_put_back(language: str, data: st.DataObject) -> None:
    text = RIGHT[language]
    start = data.draw(st.integers(0, len(text)))
    stop = data.draw(st.integers(start, len(text)))
    at = syntax_at(language, text[:start], text[stop:])
    assert is_sound(at, text[start:stop])
    assert longest_sound(at, text[start:stop]) == text[start:stop]


TEXT = st.text(st.sampled_from(list("ab1 \n\t(){}[]<>\"'`:;,=#/-@\\éA\ud800🙂\0")), max_size=40)


@given(st.sampled_from(sorted([*GRAMMARS, "cobol"])), TEXT, TEXT, TEXT, st.integers(0, 5))
@settings(max_examples=200, deadline=None)
def test_any_text_has_an_answer_which_is_a_part_of_it(
    language: str, before: str, text: str, after: str, replaces: int
) -> None:
    at = syntax_at(language, before, after)
    kept = longest_sound(at, text, replaces)
    assert text.startswith(kept)
    assert is_sound(at, text, replaces) == (kept == text)
    assert is_sound(at, kept, replaces) or not kept


def test_what_takes_too_long_to_tell_is_let_pass_whole_and_never_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    at = place("x = 1\n│\n", "python")
    assert longest_sound(at, "y = 2\nz = (") == "y = 2"
    monkeypatch.setattr(soundness, "BUDGET_S", -1.0)
    assert longest_sound(at, "y = 2\nz = (") == "y = 2\nz = ("


def test_in_a_file_that_its_grammar_does_not_fit_there_is_no_telling() -> None:
    rubble = "int ) f ( { ;\n}}\nstruct )) {;\n" * 30
    assert is_sound(place(f"{rubble}│\n{rubble}", "c"), "a b (")


@pytest.mark.parametrize(
    ("old", "new", "language", "adds"),
    [
        ("def f():\n    return 1\n", "def f(:\n    return 1\n", "python", True),
        ("def f(:\n    return 1\n", "def f(:\n    return 2\n", "python", False),
        ("x = 1\n", "def f():\n\nx = 1\n", "python", True),
        ("def f(:\n", "def f():\n    pass\n", "python", False),
        ("if (f) { a; }", "if (f) { a; ", "javascript", True),
        ("anything", "{ at ( all", "plaintext", False),
    ],
)
def test_a_changed_file_may_have_no_flaw_more(old: str, new: str, language: str, adds: bool) -> None:
    assert adds_flaws(old, new, language) == adds
