import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.prompts.chat import Reference, chat_turns, shrinking
from codefuse_lsp.prompts.formats import ModelFormat, Turn, render

CODEFUSE = ModelFormat("codefuse")
HISTORY = [
    Turn("human", "first?"),
    Turn("bot", "one"),
    Turn("human", "second?"),
    Turn("bot", "two"),
    Turn("human", "last?"),
]
LONG = Reference("long.py", "python", "".join(f"x{n} = {n}\n" for n in range(200)), "lines 1-200")
SHORT = Reference("short.go", "go", "package a\n")


def test_a_question_alone_is_sent_without_a_system_text() -> None:
    assert chat_turns(HISTORY[-1:], []) == HISTORY[-1:]


def test_references_are_fenced_in_the_system_text_with_path_and_lines() -> None:
    turns = chat_turns(HISTORY, [Reference("a/b.py", "python", "x = '```'\n", "lines 3-9"), SHORT], "Be brief.")
    assert turns[0].role == "system"
    assert turns[0].text == (
        "Be brief.\n\nThe user refers to these excerpts:\n\n"
        "`a/b.py` lines 3-9:\n````python\nx = '```'\n````\n\n`short.go`:\n```go\npackage a\n```\n"
    )
    assert turns[1:] == HISTORY


def test_the_first_prompt_leaves_nothing_out() -> None:
    first = next(shrinking(HISTORY, [LONG, SHORT], CODEFUSE, "Be brief."))
    assert first.prompt == render(CODEFUSE, chat_turns(HISTORY, [LONG, SHORT], "Be brief."))
    assert first.left_out == ""


def test_the_oldest_rounds_go_first_then_the_references() -> None:
    prompts = list(shrinking(HISTORY, [LONG, SHORT], CODEFUSE, "Be brief."))
    assert [prompt.rounds_left_out for prompt in prompts[:4]] == [0, 1, 2, 2]
    assert "first?" not in prompts[1].prompt.text and "second?" in prompts[1].prompt.text
    assert prompts[2].references_shortened == () and prompts[3].references_shortened == ("long.py",)
    assert "`long.py` lines 1-200 (the beginning):" in prompts[3].prompt.text
    assert prompts[3].left_out == (
        "To fit the model's context, left out: the oldest 2 questions with what was answered, the end of long.py."
    )
    assert prompts[-1].references_left_out == ("long.py", "short.go")
    assert prompts[-1].prompt == render(CODEFUSE, [Turn("system", "Be brief."), Turn("human", "last?")])


def test_prompts_known_to_be_too_long_are_passed_over() -> None:
    prompts = list(shrinking(HISTORY, [LONG, SHORT], CODEFUSE))
    shorter = list(shrinking(HISTORY, [LONG, SHORT], CODEFUSE, max_chars=1000))
    assert shorter == [prompt for prompt in prompts if len(prompt.prompt.text) <= 1000]
    assert list(shrinking(HISTORY, [LONG, SHORT], CODEFUSE, max_chars=1)) == prompts[-1:]


TEXTS = st.text("ab <|\n", min_size=1, max_size=30)
HISTORIES = st.lists(st.tuples(TEXTS, TEXTS), max_size=6).map(
    lambda rounds: [turn for question, answer in rounds for turn in (Turn("human", question), Turn("bot", answer))]
)
REFERENCES = st.lists(
    st.builds(Reference, st.just("p"), st.just("go"), st.integers(0, 300).map(lambda n: "ab\n" * n)), max_size=3
)


@given(
    HISTORIES, TEXTS, REFERENCES, st.sampled_from(["", "Be brief."]), st.sampled_from([CODEFUSE, ModelFormat("mft")])
)
def test_each_prompt_is_shorter_and_none_lacks_the_question(
    history: list[Turn], question: str, references: list[Reference], system: str, model: ModelFormat
) -> None:
    prompts = list(shrinking([*history, Turn("human", question)], references, model, system))
    lengths = [len(prompt.prompt.text) for prompt in prompts]
    assert lengths == sorted(set(lengths), reverse=True)
    for prompt in prompts:
        assert prompt.prompt.text.endswith(render(model, [Turn("human", question)]).text)
        assert system in prompt.prompt.text


@pytest.mark.parametrize("history", [[], [Turn("bot", "unasked")]])
def test_a_history_without_a_question_is_sent_as_it_is(history: list[Turn]) -> None:
    assert [prompt.prompt for prompt in shrinking(history, [], CODEFUSE)] == [render(CODEFUSE, history)]
