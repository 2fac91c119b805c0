"""The tests that a text holds, and the text without some of them."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.context.syntax import parses
from codefuse_lsp.verification.cases import cases_in, with_imports, with_tests, without

PYTHON = """\
from area import area
import os


def helper():
    return 1


# the ordinary case
@mark
def test_area():
    assert area(2, 3) == 6


class TestArea:
    def test_zero(self):
        assert area(0, 3) == 0

    def test_home(self):
        assert os.getcwd()


async def test_later():
    assert await area(1, 1) == 1
"""
JAVASCRIPT = """\
import { describe, expect, it } from 'vitest';
import { area } from './area';
import fs from 'node:fs';

describe('area', () => {
  it('multiplies', () => {
    expect(area(2, 3)).toBe(6);
  });

  describe('of nothing', () => {
    it("isn't much", async () => {
      expect(area(0, 3)).toBe(fs.zero);
    });
  });
});
test('alone', () => {});
"""
GO = """\
package shapes

import (
\t"os"
\t"testing"
)

func helper() {}

// TestArea multiplies.
func TestArea(t *testing.T) {
\tif Area(2, 3) != 6 {
\t\tt.Fatal("wrong")
\t}
}

func TestHome(t *testing.T) {
\tos.Getwd()
}

func Testify(t *testing.T) {}
"""
RUST = """\
fn area(w: u32, h: u32) -> u32 {
    w * h
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiplies() {
        assert_eq!(area(2, 3), 6);
    }

    #[test]
    #[should_panic]
    fn panics() {
        panic!();
    }
}
"""
TEXTS = {"python": PYTHON, "javascript": JAVASCRIPT, "go": GO, "rust": RUST}
NAMES = {
    "python": ["test_area", "TestArea::test_zero", "TestArea::test_home", "test_later"],
    "javascript": ["area > multiplies", "area > of nothing > isn't much", "alone"],
    "go": ["TestArea", "TestHome"],
    "rust": ["tests::multiplies", "tests::panics"],
}


@pytest.mark.parametrize("language", TEXTS)
def test_tests_are_called_as_their_runner_calls_them(language: str) -> None:
    assert [case.name for case in cases_in(TEXTS[language], language)] == NAMES[language]


def test_what_leads_a_test_belongs_to_it() -> None:
    (first, *_) = cases_in(PYTHON, "python")
    assert first.code(PYTHON).startswith("# the ordinary case\n@mark\ndef test_area():")
    assert cases_in(GO, "go")[0].code(GO).startswith("// TestArea multiplies.\n")
    assert cases_in(RUST, "rust")[1].code(RUST).lstrip().startswith("#[test]\n")


@pytest.mark.parametrize("language", TEXTS)
@given(data=st.data())
def test_what_is_left_parses_and_holds_exactly_the_other_tests(language: str, data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.sampled_from(NAMES[language])))
    left = without(TEXTS[language], language, gone)
    assert [case.name for case in cases_in(left, language)] == [n for n in NAMES[language] if n not in gone]
    assert parses(left, language) is not False
    if not gone:
        assert left == TEXTS[language]


def test_characters_that_only_python_takes_for_line_ends_move_nothing() -> None:
    odd = "def test_a():\n    assert 'x\x0c\u2028\x85y'\n\n\ndef test_b():\n    assert 2\n"
    assert without(odd, "python", {"test_a"}) == "def test_b():\n    assert 2\n"
    assert cases_in(odd, "python")[1].code(odd) == "def test_b():\n    assert 2\n"


def test_a_group_of_which_nothing_is_left_goes_too() -> None:
    left = without(PYTHON, "python", {"TestArea::test_zero", "TestArea::test_home"})
    assert "TestArea" not in left and "test_later" in left
    assert "describe('of nothing'" not in without(JAVASCRIPT, "javascript", {NAMES["javascript"][1]})
    assert "mod tests" not in without(RUST, "rust", set(NAMES["rust"]))


@pytest.mark.parametrize(
    ("language", "name", "imported"),
    [
        ("python", "TestArea::test_home", "import os"),
        ("javascript", NAMES["javascript"][1], "import fs"),
        ("go", "TestHome", '"os"'),
    ],
)
def test_an_import_that_nothing_uses_any_more_goes_too(language: str, name: str, imported: str) -> None:
    assert imported in TEXTS[language]
    left = without(TEXTS[language], language, {name})
    assert imported not in left and ("area" in left or "testing" in left)


def test_a_test_is_replaced_in_its_place_with_what_it_imports() -> None:
    answer = "import math\n\ndef test_zero(self):\n    assert area(0, math.inf) == 0\n"
    mended = with_tests(PYTHON, "python", answer, ["TestArea::test_zero"])
    assert "    def test_zero(self):\n        assert area(0, math.inf) == 0\n" in mended
    assert mended.index("import math") < mended.index("def helper")
    assert [case.name for case in cases_in(mended, "python")] == NAMES["python"]
    ast.parse(mended)


def test_a_test_of_another_name_stands_for_the_one_that_failed() -> None:
    mended = with_tests(PYTHON, "python", "def test_area_of_ints():\n    assert area(1, 1) == 1\n", ["test_area"])
    assert cases_in(mended, "python")[0].name == "test_area_of_ints"


def test_an_answer_without_a_test_changes_nothing() -> None:
    assert with_tests(PYTHON, "python", "I am sorry.", ["test_area"]) == PYTHON


def test_rust_and_go_get_their_imports_where_they_belong() -> None:
    answer = (
        "#[test]\nfn multiplies() {\n    let m: HashMap<u8, u8> = HashMap::new();\n    assert_eq!(m.len(), 0);\n}\n"
    )
    mended = with_tests(RUST, "rust", "use std::collections::HashMap;\n" + answer, ["tests::multiplies"])
    assert "mod tests {\n    use std::collections::HashMap;\n    use super::*;" in mended
    go = 'package shapes\n\nimport "math"\n\nfunc TestArea(t *testing.T) {\n\tt.Log(math.Pi)\n}\n'
    mended = with_tests(GO, "go", go, ["TestArea"])
    assert mended.startswith('package shapes\n\nimport "math"\nimport (\n')


def test_future_imports_stay_first() -> None:
    text = "from __future__ import annotations\nimport os\n\n\ndef test_x():\n    os\n"
    assert with_imports(text, "import re\n", "python").startswith("from __future__ import annotations\nimport re\n")


@given(st.text(max_size=300), st.sampled_from(list(TEXTS)))
def test_no_text_is_too_strange_for_them(text: str, language: str) -> None:
    names = {case.name for case in cases_in(text, language)}
    without(text, language, names)
    with_tests(text, language, text, sorted(names))
