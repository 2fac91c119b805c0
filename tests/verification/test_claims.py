"""What an assertion expects, the gap for it, and whether two answers for the gap are one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.verification.claims import GAP, agrees, claim_at


@pytest.mark.parametrize(
    ("language", "line", "expected", "side"),
    [
        ("python", "assert area(2, 3) == 6", "6", "right"),
        ("python", "assert 6 == area(2, 3)", "6", "left"),
        ("python", "assert area(2, 3) == 6, 'wrong'", "6", "right"),
        ("python", "assert split('a,b') == ['a', 'b']", "['a', 'b']", "right"),
        ("python", "assert area(2, 3) is None  # for now", "None", "right"),
        ("python", "assert mean([1, 2]) == pytest.approx(1.5)", "pytest.approx(1.5)", "right"),
        ("python", "self.assertEqual(area(2, 3), 6)", "6", "right"),
        ("javascript", "expect(area(2, 3)).toBe(6);", "6", "right"),
        ("typescript", "    expect(parse('a')).toEqual({ a: 1 });", "{ a: 1 }", "right"),
        ("javascript", "assert.strictEqual(area(2, 3), 6);", "6", "right"),
        ("rust", "assert_eq!(area(2, 3), 6);", "6", "right"),
        ("go", "if got := Area(2, 3); got != 6 {", "6", "right"),
    ],
)
def test_the_literal_is_what_is_expected(language: str, line: str, expected: str, side: str) -> None:
    claim = claim_at(line, 0, language)
    assert claim is not None
    assert (claim.expected, claim.side) == (expected, side)
    assert claim.masked == line.strip().replace(expected, GAP, 1) and claim.written == line.strip()
    assert claim.question(line) == f"{claim.masked}\n"


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("python", "assert area(2, 3) == width * 3"),
        ("python", "assert 1 == 2"),
        ("python", "assert area(2, 3) != 6"),
        ("python", "assert area(2, 3)"),
        ("python", "x = area(2, 3)"),
        ("javascript", "expect(area(2, 3)).toBe(width);"),
        ("python", "assert area("),
    ],
)
def test_what_expects_nothing_in_so_many_words_claims_nothing(language: str, line: str) -> None:
    assert claim_at(line, 0, language) is None


def test_an_exception_is_expected_too() -> None:
    claim = claim_at("def test_x():\n    with pytest.raises(ValueError):\n        f()\n", 1, "python")
    assert claim is not None and (claim.asks, claim.expected) == ("exception", "ValueError")
    assert agrees(claim, "builtins.ValueError") and not agrees(claim, "KeyError")


def test_go_complains_below_what_it_compares() -> None:
    claim = claim_at('if got := Area(2, 3); got != 6 {\n\tt.Errorf("no")\n}', 1, "go")
    assert claim is not None and claim.row == 0


def test_the_question_does_not_tell_the_answer() -> None:
    test = "def test_area_is_6():\n    sides = 2, 3\n    assert area(*sides) == 6, 'should be 6'\n    # 6 it is\n"
    claim = claim_at(test, 2, "python")
    assert claim is not None
    assert claim.question(test) == f"sides = 2, 3\nassert area(*sides) == {GAP}\n"
    go = 'func TestSix(t *testing.T) {\n\tif got := Area(2, 3); got != 6 {\n\t\tt.Errorf("want 6")\n\t}\n}\n'
    claim = claim_at(go, 2, "go")
    assert claim is not None and claim.question(go) == f"if got := Area(2, 3); got != {GAP} {{\n"


@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        ("6", "6"),
        ("6", " 6.0\n"),
        ("'a'", '"a"'),
        ("[1, 2]", "`[1,2]`"),
        ("true", "True"),
        ("6u32", "6"),
        ("6", "The value is `6`."),
        ("pytest.approx(1.5)", "1.5"),
        ("{'a': 1}", "```python\n{'a': 1}\n```"),
    ],
)
def test_one_value_written_otherwise_agrees(expected: str, answer: str) -> None:
    claim = claim_at(f"assert f(x) == {expected}", 0, "python") or claim_at(f"assert_eq!(f(x), {expected});", 0, "rust")
    assert claim is not None and agrees(claim, answer)


@pytest.mark.parametrize(
    ("expected", "answer"), [("6", "7"), ("1", "True"), ("0", "False"), ("6", ""), ("'6'", "6"), ("[1]", "[1, 2]")]
)
def test_another_value_does_not(expected: str, answer: str) -> None:
    claim = claim_at(f"assert f(x) == {expected}", 0, "python")
    assert claim is not None and not agrees(claim, answer)


@given(st.integers() | st.text(st.characters(codec="ascii", exclude_categories=["Cc"])) | st.lists(st.integers()))
def test_every_value_agrees_with_itself(value: object) -> None:
    claim = claim_at(f"assert f(x) == {value!r}", 0, "python")
    if claim is not None:
        assert agrees(claim, repr(value)) or "`" in repr(value) or "#" in repr(value)


@given(st.text(max_size=200), st.integers(-2, 9), st.sampled_from(["python", "go", "rust", "javascript", "cobol"]))
def test_no_text_is_too_strange(text: str, row: int, language: str) -> None:
    claim = claim_at(text, row, language)
    assert claim is None or (claim.masked.count(GAP) >= 1 and not agrees(claim, "a poem"))
