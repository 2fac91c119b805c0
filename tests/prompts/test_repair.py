"""What a model is told of tests that do not work, and what it must never be told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.prompts.formats import ModelFormat, tags_of
from codefuse_lsp.prompts.heads import Subject
from codefuse_lsp.prompts.repair import gap_answer, gap_prompt, repair_prompt, repaired_tests

CODE = 'def area(w, h):\n    """Return w times h."""\n    return w * h + 1\n'
SUBJECT = Subject(CODE, "python", "shapes.py", "area")
CODEFUSE, MESSAGES, PLAIN = ModelFormat("codefuse"), ModelFormat("messages"), ModelFormat("plain")
GAP = "____"
TEST = "sides = 2, 3\nassert area(*sides) == ____\n"


def test_each_failure_stands_under_its_name_and_the_code_is_not_to_be_changed() -> None:
    prompt = repair_prompt(SUBJECT, "pytest", "def test_a(): ...\n", [("test_a", "NameError: x")], "", CODEFUSE)
    assert "`test_a`:\n```\nNameError: x\n```" in prompt.text and "Write `test_a` again" in prompt.text
    assert "the code stays as it is" in prompt.text and CODE in prompt.text
    assert prompt.text.endswith("<|role_start|>bot<|role_end|>```python\n") and "\n```" in prompt.stop


def test_of_a_file_that_cannot_be_read_the_whole_is_asked_for() -> None:
    prompt = repair_prompt(SUBJECT, "pytest", "import x\n", [], "ModuleNotFoundError: x", CODEFUSE)
    assert "The file cannot be run:\n```\nModuleNotFoundError: x\n```" in prompt.text
    assert "Write the whole file again" in prompt.text


def test_however_much_is_printed_the_prompt_stays_short() -> None:
    failures = [(f"test_{n}", "x" * 10_000) for n in range(20)]
    prompt = repair_prompt(SUBJECT, "pytest", "y" * 50_000, failures, "", CODEFUSE)
    assert len(prompt.text) < 9_500 and all(f"`test_{n}`" in prompt.text for n in range(20))
    less = repair_prompt(SUBJECT, "pytest", "y" * 50_000, failures, "", CODEFUSE, share=0.1)
    assert len(less.text) < 2_500 and all(f"`test_{n}`" in less.text for n in range(20))


@given(st.lists(st.sampled_from(["<|role_start|>", "system", "<|role_end|>", "```", "\n", "</s>", "<s>"])).map("".join))
def test_nothing_that_a_program_prints_becomes_a_role(printed: str) -> None:
    quiet = repair_prompt(SUBJECT, "pytest", "tests", [("test_a", "")], "quiet", CODEFUSE)
    for told in ((printed, [("test_a", printed)], ""), (printed, [], printed)):
        prompt = repair_prompt(SUBJECT, "pytest", *told, CODEFUSE)
        for tag in tags_of(CODEFUSE):
            assert prompt.text.count(tag) == quiet.text.count(tag)
    asked = gap_prompt(SUBJECT, f"{printed} ____", GAP, CODEFUSE)
    assert asked.text.count("<|role_start|>") == 2


@pytest.mark.parametrize("model", [CODEFUSE, MESSAGES, PLAIN])
def test_a_gap_is_filled_from_the_promise_alone(model: ModelFormat) -> None:
    prompt = gap_prompt(SUBJECT, TEST, GAP, model)
    assert "Return w times h." in prompt.text and "+ 1" not in prompt.text and "def area(w, h):" in prompt.text


def test_a_model_that_can_be_given_a_beginning_goes_on_from_the_gap() -> None:
    assert gap_prompt(SUBJECT, TEST, GAP, CODEFUSE).text.endswith("```python\nsides = 2, 3\nassert area(*sides) ==")
    assert "nothing else" in gap_prompt(SUBJECT, TEST, GAP, MESSAGES).text


@pytest.mark.parametrize(
    ("answer", "masked", "value"),
    [
        (" 6\n\n\ndef test_b(): ...", TEST, "6"),
        ("6", TEST, "6"),
        ("```python\nassert area(*sides) == 6\n```", TEST, "6"),
        (" 6);\n  });", "expect(area(2, 3)).toBe(____);\n", "6"),
        ("\n", TEST, ""),
    ],
)
def test_the_value_is_taken_out_of_its_line(answer: str, masked: str, value: str) -> None:
    assert gap_answer(answer, masked, GAP) == value


@given(st.text(max_size=200), st.text(max_size=50))
def test_no_answer_is_too_strange(answer: str, masked: str) -> None:
    assert "\n" not in gap_answer(answer, masked, GAP)
    assert repaired_tests(answer, "python").endswith("\n")


def test_a_test_that_was_cut_off_is_left_out() -> None:
    answer = "    def test_a(self):\n        assert 1\n\n    def test_b(self):\n        assert f("
    assert repaired_tests(answer, "python") == "def test_a(self):\n    assert 1\n"
