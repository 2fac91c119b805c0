from __future__ import annotations

import math
import time
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.context.cursor import cursor_context
from codefuse_lsp.context.trees import syntax_at
from codefuse_lsp.generation.request import Chunk, GenerationRequest, TokenLogprob, Usage
from codefuse_lsp.prompts.escape import escape
from codefuse_lsp.suggestions.choosing import Fit, chosen, is_quick, is_unsure, log_probability, num_others, other_ways
from codefuse_lsp.suggestions.filters import Place
from codefuse_lsp.suggestions.fitting import Weighed
from codefuse_lsp.suggestions.outcome import Silence, Suggestion
from codefuse_lsp.suggestions.requests import following
from codefuse_lsp.suggestions.stream import Question, Stream
from codefuse_lsp.suggestions.wanted import Wanted

NOTHING = Weighed(Silence("nothing to add", ""))
LINES = ["def area(w, h):\n", "    \n", "    return a\n"]


def question(heal: str = "\n    ", after: str = "\n    return a") -> Question:
    context = cursor_context(
        LINES, 1, 4, uri="file:///a.py", path="/a.py", language="python", version=1, budget_chars=999
    )
    request = GenerationRequest("def area(w, h):", temperature=0.0, heal=heal, stop=("\n",), logprobs=5)
    return Question(request, Place(context, block=False), (), {}, candidates=4, following=after)


def token(text: str, probability: float, **others: float) -> TokenLogprob:
    return TokenLogprob(text, math.log(probability), tuple((word, math.log(p)) for word, p in others.items()))


class Model:
    """Writes the line that it was taught for what an answer is held to begin with, and finds some texts probable."""

    def __init__(self, writes: dict[str, str], scores: dict[str, float]) -> None:
        self.writes, self.scores = writes, scores
        self.probabilities = (0.5, 0.3)  # of the greedy first word, and of another one
        self.others: dict[str, float] = {}  # other first words, in place of that one
        self.asked: list[GenerationRequest] = []

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        self.asked.append(request)
        if request.forced:
            score = next(value for text, value in self.scores.items() if text in request.forced)
            yield Chunk(request.forced, "stop", (TokenLogprob(request.forced, score),))
        else:
            yield Chunk(request.heal + self.writes.get(request.heal, ""), "stop", tuple(self.told(request)))

    def told(self, request: GenerationRequest) -> list[TokenLogprob]:
        if not request.logprobs:
            return []
        first, other = self.probabilities
        return [
            token("\n    ", 1.0),
            token("a", first, **(self.others or {"b": other})),
            token(" = w", 0.9, **{" = h": 0.08}),
            token(" * h", 0.99),
        ]


async def fit(text: str, place: Place) -> Weighed:
    return Weighed(Suggestion("x", text), not text.endswith(":")) if text else NOTHING


async def fit_an_opener(text: str, place: Place) -> Weighed:
    """A place where only what opens a block leaves the file whole."""
    return Weighed(Suggestion("x", text), text.endswith(":")) if text else NOTHING


async def fit_nothing_but_c(text: str, place: Place) -> Weighed:
    return Weighed(Suggestion("x", text), True) if text.startswith("c") else NOTHING


async def fit_a_definition_of_c(text: str, place: Place) -> Weighed:
    """A place where the code below uses a name that nothing defines."""
    return Weighed(Suggestion("x", text), True, undefined=int(not text.startswith("c ="))) if text else NOTHING


def wants(*beginnings: str) -> Wanted:
    """Code below that uses an undefined name, and how an answer might begin that defines it."""
    syntax = syntax_at("python", "def area(w, h):\n    ", "\n    return c\n")
    assert syntax is not None
    return Wanted(beginnings, 1, syntax, frozenset())


async def choose(
    model: Model, number: int = 2, asked: Question | None = None, fit: Fit = fit, wanted: Wanted | None = None
) -> list[str]:
    asked, until = asked or question(), time.monotonic() + 60
    greedy = Stream(model, asked)  # type: ignore[arg-type]
    await greedy.rest_at(asked.place.context)
    return [one.text for one in await chosen(model, greedy, fit, number, until, wanted)]  # type: ignore[arg-type]


async def test_the_answer_that_the_code_below_follows_from_is_the_first() -> None:
    model = Model(
        {"\n    ": "a = w * h", "b": " = w", " = h": " * w"},
        {"a = w * h\n    return a": -9.0, "b = w\n    return a": -20.0, "a = h * w\n    return a": -8.0},
    )
    assert await choose(model) == ["a = h * w", "a = w * h", "b = w"]


async def test_no_more_answers_are_asked_for_than_are_wanted() -> None:
    model = Model({"\n    ": "a = w * h", "b": " = w"}, {"a = w": -1.0, "b = w": -2.0})
    assert await choose(model, number=1) == ["a = w * h", "b = w"]
    asked = [(request.prompt, request.heal) for request in model.asked if not request.forced]
    assert asked == [("def area(w, h):", "\n    "), ("def area(w, h):\n    ", "b")]


async def test_the_same_answer_twice_is_one_and_nothing_is_scored_for_it() -> None:
    model = Model({"\n    ": "b = w", "b": " = w"}, {})
    assert await choose(model, number=1) == ["b = w"]
    assert not [request for request in model.asked if request.forced]


async def test_of_a_block_that_code_follows_the_first_line_stands_by_itself_too() -> None:
    asked = question()
    asked = replace(asked, place=replace(asked.place, block=True))
    model = Model({"\n    ": "a = w\n    b = h"}, {"a = w\n    return": -1.0, "a = w\n    b = h\n    return": -2.0})
    assert await choose(model, 0, asked) == ["a = w", "a = w\n    b = h"]
    assert await choose(model, 0, replace(asked, following="")) == ["a = w\n    b = h"]
    model.writes["\n    "] = "if w:\n        a = h"
    assert await choose(model, 0, asked) == ["if w:\n        a = h"]  # a header is nothing by itself


async def test_a_line_that_leaves_the_file_whole_goes_before_a_more_probable_one() -> None:
    model = Model({"\n    ": "a = w", "b": ":"}, {"a = w": -1.0, "b:": -9.0})
    assert await choose(model, 1, fit=fit_an_opener) == ["b:", "a = w"]


async def test_the_first_line_of_a_block_stands_by_itself_where_it_opens_what_is_there() -> None:
    asked = question()
    asked = replace(asked, place=replace(asked.place, block=True))
    model = Model({"\n    ": "if w:\n        a = h"}, {"if w:\n    return": -9.0, "if w:\n        a = h": -1.0})
    assert await choose(model, 0, asked, fit_an_opener) == ["if w:", "if w:\n        a = h"]


async def test_answers_begin_as_is_wanted_below_before_they_begin_as_the_model_might_have() -> None:
    model = Model({"\n    ": "a = w", " ": "w * h", "b": " = w"}, {"a = w": -1.0, "b = w": -2.0, "c = w * h": -9.0})
    assert await choose(model, 2, fit=fit_a_definition_of_c, wanted=wants("c = ")) == ["c = w * h", "a = w", "b = w"]
    asked = [(request.prompt, request.heal) for request in model.asked[1:] if not request.forced]
    assert asked == [("def area(w, h):\n    c =", " "), ("def area(w, h):\n    ", "b")]


async def test_where_nobody_judges_a_wanted_beginning_goes_before_none_that_does_as_well() -> None:
    model = Model({"\n    ": "a = w", " ": "w: a = h", "b": " = w"}, {})
    asked = replace(question(), following="")
    assert await choose(model, 2, asked, wanted=wants("if ")) == ["a = w", "b = w", "if w: a = h"]
    model = Model({"\n    ": "a = w", " ": "w * h", "b": " = w"}, {})
    assert await choose(model, 2, asked, fit_a_definition_of_c, wants("c = ")) == ["c = w * h", "a = w", "b = w"]


async def test_a_wanted_beginning_never_spells_a_tag() -> None:
    model = Model({"\n    ": "a = w", "b": " = w"}, {" = ": -1.0})
    await choose(model, 2, replace(question(), tags=("ass",)), wanted=wants("class A"))
    assert not any("ass" in request.prompt + request.heal for request in model.asked)


@pytest.mark.parametrize(
    ("beginning", "before", "heal"),
    [("c = ", "\n    c =", " "), ("import math", "\n    import", " math"), ("else:", "\n   ", " else:")],
)
async def test_the_model_spells_the_last_word_of_a_beginning_itself(beginning: str, before: str, heal: str) -> None:
    model = Model({"\n    ": "a = w"}, {"a = w": -1.0, beginning: -2.0})
    await choose(model, 1, wanted=wants(beginning))
    asked = [request for request in model.asked[1:] if not request.forced]
    assert [(request.prompt, request.heal) for request in asked] == [(f"def area(w, h):{before}", heal)]


async def test_of_several_that_define_what_is_wanted_below_the_most_probable_is_the_first() -> None:
    model = Model({"\n    ": "c = h", " ": "w * h"}, {"c = h": -1.0, "c = w * h": -9.0})
    assert await choose(model, 1, fit=fit_a_definition_of_c, wanted=wants("c = ")) == ["c = h", "c = w * h"]


async def test_as_many_answers_again_are_asked_for_where_none_can_be_shown() -> None:
    model = Model({"\n    ": "a = w", "b": " = w", "c": " = h"}, {"c = h": -1.0})
    model.others = {"b": 0.3, "c": 0.2}
    assert await choose(model, 1, fit=fit_nothing_but_c) == ["c = h"]
    assert [request.heal for request in model.asked] == ["\n    ", "b", "c"]


async def test_what_is_scored_is_the_code_as_it_would_stand_in_the_file() -> None:
    asked = question()
    model = Model({}, {"x": -1.0, "y": -2.0})
    assert await log_probability(model, asked, Suggestion("1", "y = 1)", replaces=1), {}) == -2.0  # type: ignore[arg-type]
    assert await log_probability(model, asked, Suggestion("2", "x = 1"), {}) == -1.0  # type: ignore[arg-type]
    assert {request.prompt for request in model.asked} == {"def area(w,"}
    assert model.asked[0].forced == " h):\n    y = 1)    return a"  # one character gives way
    assert model.asked[1].forced == " h):\n    x = 1\n    return a"
    assert {(request.heal, request.stop, request.document) for request in model.asked} == {("", (), "")}


async def test_where_nobody_judges_what_is_given_the_most_probable_line_is_the_first() -> None:
    model = Model({"\n    ": "a = w * h", "b": " = w", " = h": " * w"}, {})
    assert await choose(model, 2, replace(question(), following="")) == ["a = w * h", "b = w", "a = h * w"]
    model.probabilities = (0.3, 0.5)
    assert await choose(model, 2, replace(question(), following="")) == ["b = w", "a = w * h", "a = h * w"]


async def test_where_nothing_is_chosen_other_answers_stand_in_the_order_of_their_first_words() -> None:
    model = Model({"\n    ": "a = w * h", "b": "", " = h": " * w"}, {})
    asked = replace(question(), following="", candidates=1)  # a block: the shortest would always win
    assert await choose(model, 2, asked) == ["a = w * h", "b", "a = h * w"]


async def test_where_a_model_writes_nothing_others_are_asked_for_only_when_the_user_wants_them() -> None:
    assert await numbers({"\n    ": ""}, fit) == (0, 3)


async def test_others_are_asked_for_where_a_sure_answer_defines_nothing_of_what_the_code_below_uses() -> None:
    sure, defining = {"\n    ": "a = w"}, {"\n    ": "c = w"}
    assert await numbers(sure, fit_a_definition_of_c) == (0, 3)
    assert await numbers(sure, fit_a_definition_of_c, wants()) == (0, 3)
    assert await numbers(sure, fit_a_definition_of_c, wants("c = ")) == (3, 3)
    assert await numbers(defining, fit_a_definition_of_c, wants("c = ")) == (0, 3)
    opener = replace(wants("if "), undefined=0)
    assert await numbers({"\n    ": "if w:"}, fit_an_opener, opener) == (0, 3)
    assert await numbers(sure, fit_an_opener, opener) == (3, 3)


async def numbers(writes: dict[str, str], fit: Fit, wanted: Wanted | None = None) -> tuple[int, int]:
    """Return how many others are asked for beside an answer, and how many where the user wants others."""
    model = Model(writes, {})
    model.probabilities = (0.99, 0.01)
    stream = Stream(model, question())  # type: ignore[arg-type]
    await stream.rest_at(stream.question.place.context)
    stream.logprobs = stream.logprobs[:2]
    return await num_others(stream, fit, wanted, again=False), await num_others(stream, fit, wanted, again=True)


async def test_a_secret_over_several_lines_is_no_more_told_to_the_judge_than_to_the_writer() -> None:
    lines = ["def area(w, h):\r\n", "    \r\n", "    return a\r\n"]
    context = cursor_context(
        lines, 1, 4, uri="file:///a.py", path="/a.py", language="python", version=1, budget_chars=999
    )
    asked = question()
    asked = replace(asked, place=replace(asked.place, context=context))
    model = Model({}, {"KEY": -1.0})
    written = Suggestion("1", "key = 'line one\r\nline two'")
    await log_probability(model, asked, written, {"KEY": "line one\nline two"})  # type: ignore[arg-type]
    assert "key = 'KEY'" in model.asked[0].forced and "\r" not in model.asked[0].forced


def test_other_ways_begin_with_what_is_healed_and_the_most_probable_comes_first() -> None:
    stream = Stream.__new__(Stream)
    stream.question = question()
    stream.logprobs = Model({}, {}).told(stream.question.request)
    assert [way[:2] for way in other_ways(stream)] == [("\n    ", "b"), ("\n    a", " = h")]
    assert [way[2] for way in other_ways(stream)] == pytest.approx([math.log(0.3), math.log(0.5 * 0.08)])


@pytest.mark.parametrize(("spelt", "others"), [("<s>", 0), (escape("<s>", ["<s>"]), 1), ("<i>", 1)])
def test_a_tag_that_the_model_spelt_never_stands_in_a_prompt(spelt: str, others: int) -> None:
    stream = Stream.__new__(Stream)
    stream.question = replace(question(heal=""), tags=("<s>",))
    stream.logprobs = [token(spelt, 1.0), token("a", 0.5, b=0.4)]
    assert len(other_ways(stream)) == others


@pytest.mark.parametrize("broken", ["\ufffd", "  ", "", "a"])
def test_what_is_no_text_of_its_own_is_no_other_way(broken: str) -> None:
    stream = Stream.__new__(Stream)
    stream.question = question()
    stream.logprobs = [token("\n    ", 1.0), token("ab", 0.5, **{broken: 0.4}), token("c", 0.5, **{"": 0.4})]
    assert other_ways(stream) == []


def test_a_model_is_unsure_unless_its_whole_answer_is_probable() -> None:
    stream = Stream.__new__(Stream)
    stream.question = question(heal="")
    for probabilities, unsure in [((0.99, 0.95), False), ((0.9, 0.8), True), ((), False)]:
        stream.logprobs = [token("a", probability) for probability in probabilities]
        assert is_unsure(stream) is unsure


@pytest.mark.parametrize(
    ("tokens", "seconds", "speed", "quick"),
    [(101, 1.0, 100.0, True), (11, 1.0, 10.0, False), (2, 0.0, None, False), (50, None, None, False)],
)
def test_how_fast_a_model_is_can_be_told_of_answers_of_some_length(
    tokens: int, seconds: float | None, speed: float | None, quick: bool
) -> None:
    stream = Stream.__new__(Stream)
    stream.usage = Usage(9, tokens)
    stream.first_token_s = None if seconds is None else 0.5
    stream.written_s = 0.5 + (seconds or 0.0)
    assert stream.tokens_per_s == (None if speed is None else pytest.approx(speed))
    assert is_quick(stream) is quick


@pytest.mark.parametrize(
    ("suffix", "expected"),
    [
        ("", ""),
        ("\n", ""),
        ("\n\n  \n", ""),
        (")\n    return a\n", ")\n    return a"),
        ("\n\nreturn x", "\n\nreturn x"),
        ("\na\nb\nc\nd\ne\nf\ng\nh\n", "\na\nb\nc\nd\ne\nf"),
        ("\n" + "x" * 500, "\n" + "x" * 299),
        ("\nab\n" + "x" * 500, "\nab"),
        ("x" * 500, "x" * 300),
    ],
)
def test_a_few_whole_lines_below_decide(suffix: str, expected: str) -> None:
    assert following(suffix) == expected


@given(st.text("ab\n", max_size=600))
def test_what_decides_is_the_beginning_of_what_stands_below(suffix: str) -> None:
    assert suffix.startswith(following(suffix))
