"""Texts of their own over the corpus: a file that an action makes, and tests of each function."""

from __future__ import annotations

from pathlib import Path, PurePath

import pytest

from codefuse_lsp.context.definitions import definition
from codefuse_lsp.context.secrets import Redacted
from codefuse_lsp.context.syntax import parses
from codefuse_lsp.context.test_files import test_file_for as place_of_tests
from codefuse_lsp.edits.new_files import new_text
from codefuse_lsp.edits.replacement import Unfit
from codefuse_lsp.lsp.test_plans import Plan
from codefuse_lsp.lsp.write_tests import whole_tests
from codefuse_lsp.prompts.actions import tests_prompt as prompt_for_tests
from codefuse_lsp.prompts.formats import ModelFormat
from codefuse_lsp.prompts.heads import Subject
from tests.corpus.functions import BAD, GOOD, Function, functions
from tests.corpus.rewrites import REWRITES
from tests.corpus.test_corpus import LEAST_OFFERED

ALL = (*functions(), *REWRITES)
TAGS, MESSAGES = ModelFormat("codefuse"), ModelFormat("messages")

# How an answer goes on from the head of a file of tests, with a second test.
BODIES = {
    "python": "\n    assert 1 + 1 == 2\n\n\ndef test_more():\n    assert 'another'\n",
    "go": '\n\tif 1+1 != 2 {\n\t\tt.Fail()\n\t}\n}\n\nfunc TestMore(t *testing.T) {\n\tt.Log("another")\n}\n',
    "rust": '\n        assert_eq!(1 + 1, 2);\n    }\n\n    #[test]\n    fn more() { panic!("another"); }\n}\n',
    "java": '\n        assertEquals(2, 1 + 1);\n    }\n\n    @Test\n    void more() { fail("another"); }\n}\n',
    **dict.fromkeys(
        ("javascript", "typescript", "typescriptreact"),
        "'adds', () => {\n    expect(1 + 1).toBe(2);\n  });\n\n  it('is another', () => {\n    more();\n  });\n});\n",
    ),
}


def standing_alone() -> list[Function]:
    return [one for one in ALL if parses(f"{GOOD['no fence'](one).strip()}\n", one.place.language) is not False]


@pytest.mark.parametrize("shape", GOOD)
def test_a_new_file_holds_the_code_of_an_answer_and_nothing_else(shape: str) -> None:
    found, refused = standing_alone(), list[str]()
    assert len(found) > 80
    for one in found:
        try:
            text = new_text(GOOD[shape](one), one.place.language)
        except Unfit as error:
            refused.append(f"{one.id}: {error}")
            continue
        said, wanted = ([line.strip() for line in code.strip().splitlines()] for code in (text, one.better))
        if said != wanted:
            refused.append(f"{one.id}: otherwise than it was said")
    assert len(refused) <= (1 - LEAST_OFFERED) * len(found), refused


@pytest.mark.parametrize("shape", BAD)
def test_a_new_file_always_parses(shape: str) -> None:
    for one in ALL:
        try:
            text = new_text(BAD[shape](one), one.place.language)
        except Unfit as error:
            assert str(error).endswith(".")
            continue
        assert parses(text, one.place.language) is not False and "```" not in text, one.id


def plan_for(one: Function) -> Plan:
    place = one.place
    found = definition(place.text, place.language, place.span)
    assert found is not None
    path = PurePath("/project") / one.path.name
    test_file = place_of_tests(path, Path("/project"), place.language, lambda path: False, lambda path: None)
    head = "".join(place.text.splitlines(keepends=True)[: min(place.span.start, 40)])
    subject = Subject(one.code, place.language, one.path.name, found.name, found.owner, "subject", head)
    return Plan(Path(path), None, subject, test_file, "file:///project/test", None, Redacted(""))


@pytest.mark.parametrize("model", [TAGS, MESSAGES], ids=lambda model: str(model.name))
@pytest.mark.parametrize("is_cut", [False, True])
def test_tests_of_each_function_are_its_head_and_what_was_written_whole(model: ModelFormat, is_cut: bool) -> None:
    refused = list[str]()
    tested = [one for one in ALL if one.place.language in BODIES]
    for one in tested:
        plan = plan_for(one)
        prompt = prompt_for_tests(plan.subject, plan.test_file, model)
        body = BODIES[one.place.language]
        answer = body[: body.index("another")] if is_cut else f"{body}```\nThat is all.\n"
        if model is MESSAGES:
            answer = f"Sure:\n\n```\n{prompt.head}{answer}"
        text = whole_tests(prompt, answer, plan)
        wanted = body.lstrip().partition("\n")[0] if is_cut else body.strip()
        is_whole = text.startswith(prompt.head) and wanted in text
        if not is_whole or parses(text, one.place.language) is False or "That is all" in text:
            refused.append(f"{one.id}: {text!r}")
    assert len(tested) > 50
    assert len(refused) <= (1 - LEAST_OFFERED) * len(tested), refused
