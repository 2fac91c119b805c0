"""Every editing action over every function of the corpus: what is applied fits, and good answers are applied."""

from __future__ import annotations

from collections import Counter

import pytest

from codefuse_lsp.context.definitions import LineSpan, definition
from codefuse_lsp.context.doc_comments import DocPlace, doc_place
from codefuse_lsp.context.flaws import flaws
from codefuse_lsp.context.widening import widened
from codefuse_lsp.edits.documentation import documentation
from codefuse_lsp.edits.replacement import Place, Unfit, changed, replacement
from tests.corpus.functions import BAD, GOOD, Function, functions

LEAST_FUNCTIONS, LEAST_LANGUAGES = 60, 8
LEAST_OFFERED = 0.95  # of good answers


def applied(place: Place, answer: str) -> str:
    """Return the file after the edit. Raises Unfit."""
    lines = list(place.lines)
    for change in reversed(changed(place, replacement(answer, place))):
        lines[change.start : change.stop] = change.lines
    return "".join(lines)


def is_sound(function: Function, text: str) -> bool:
    """Whether a file keeps all round the function byte for byte, parses as before, and still has the function."""
    place, plain = function.place, text.replace("\r\n", "\n")
    before, after = "".join(place.lines[: place.span.start]), "".join(place.lines[place.span.stop :])
    if not (text.startswith(before) and text.endswith(after) and len(text) >= len(before) + len(after)):
        return False
    whole = LineSpan(0, text.count("\n") + 1)
    found = definition(plain, place.language, LineSpan(place.span.start, whole.stop - after.count("\n")))
    ends = {line[len(line.rstrip("\r\n")) :] for line in text.splitlines(keepends=True)}
    return (
        flaws(plain, place.language, whole) == 0
        and found is not None
        and found.name == function.name
        and "<|role_" not in text
        and len(ends - {""}) == 1
    )


def test_the_corpus_is_large_and_varied() -> None:
    found = functions()
    assert len(found) >= LEAST_FUNCTIONS
    assert len({function.place.language for function in found}) >= LEAST_LANGUAGES
    text = "".join("".join(function.place.lines) for function in found)
    assert {"\t", "\r\n", "async ", "@", "<T>", "größe", "🙂"} <= {
        mark for mark in ("\t", "\r\n", "async ", "@", "<T>", "größe", "🙂") if mark in text
    }
    for function in found:
        assert flaws(function.place.text, function.place.language, LineSpan(0, 10**6)) == 0, function.id


def test_a_function_selected_whole_stays_what_is_selected() -> None:
    for function in functions():
        place = function.place
        assert widened(place.text, place.language, place.span) == place.span, function.id


@pytest.mark.parametrize("shape", GOOD)
def test_good_answers_are_applied_byte_for_byte(shape: str) -> None:
    refused, wrong = list[str](), list[str]()
    for function in functions():
        try:
            text = applied(function.place, GOOD[shape](function))
        except Unfit as error:
            refused.append(f"{function.id}: {error}")
            continue
        if not is_sound(function, text):
            wrong.append(function.id)
        elif text != function.expected:
            refused.append(f"{function.id}: otherwise than it was said")
    assert wrong == []
    assert len(refused) <= (1 - LEAST_OFFERED) * len(functions()), refused


@pytest.mark.parametrize("shape", BAD)
def test_of_bad_answers_nothing_is_applied_that_does_not_fit(shape: str) -> None:
    outcome: Counter[str] = Counter()
    for function in functions():
        try:
            text = applied(function.place, BAD[shape](function))
        except Unfit as error:
            assert str(error).endswith(".") and "\n" not in str(error)
            outcome["refused"] += 1
            continue
        outcome["applied"] += 1
        assert is_sound(function, text), f"{function.id}: {shape}"
    never = (
        "nothing",
        "prose",
        "an empty block",
        "a bracket too many",
        "the rest left out",
        "a role in it",
        "the same as before",
    )
    assert outcome["refused"] == len(functions()) or shape not in never, outcome


# What a model says when it is asked for documentation; {comment} is in the form of the language.
SAID = (
    "Does what its name says.\n\nIt takes what it is given, checks it, and gives the result back; nothing else changes."
)
ENDED = "what would end the comment"
DOCUMENTED = {
    "what an opened comment goes on with": lambda where, function: SAID,
    "a comment in a block": lambda where, function: f"```\n{_comment(where)}\n```\n",
    "prose before it": lambda where, function: f"Here is the comment:\n\n```\n{_comment(where)}\n```\nIt says all.",
    "the code below it too": lambda where, function: f"```\n{_with_code(where, function)}\n```",
    "no fence": lambda where, function: _comment(where),
    ENDED: lambda where, function: SAID.replace("checks it", "*/ \"\"\" ''' checks it"),
}
UNDOCUMENTED = {
    "nothing": lambda function: "",
    "an empty block": lambda function: "```\n```",
    "a bracket": lambda function: "```\n{\n```",
    "the code alone": lambda function: f"```\n{_undocumented(function)}```",
}


def _undocumented(function: Function) -> str:
    where = doc_place(function.place.text, function.place.language, function.place.span)
    assert where is not None
    lines, start = function.code.split("\n"), function.place.span.start
    return "\n".join([*lines[: where.span.start - start], *lines[where.span.stop - start :]])


def _comment(where: DocPlace) -> str:
    style = where.style
    if style.is_docstring:
        return f"{style.opening}{SAID}\n{style.closing}"
    lines = [(style.line + line).rstrip() for line in SAID.split("\n")]
    return "\n".join(filter(None, [style.opening, *lines, style.closing]))


def _with_code(where: DocPlace, function: Function) -> str:
    lines = function.code.rstrip().split("\n")
    at = where.span.start - function.place.span.start
    return "\n".join([*lines[:at], *_comment(where).split("\n"), *lines[where.span.stop - function.place.span.start :]])


@pytest.mark.parametrize("shape", DOCUMENTED)
def test_documentation_is_put_in_and_no_code_is_touched(shape: str) -> None:
    refused = list[str]()
    for function in functions():
        place = function.place
        where = doc_place(place.text, place.language, place.span)
        assert where is not None, function.id
        try:
            new = documentation(DOCUMENTED[shape](where, function), where, place)
        except Unfit as error:
            refused.append(f"{function.id}: {error}")
            continue
        lines = [*place.lines[: where.span.start], *new, *place.lines[where.span.stop :]]
        text = "".join(line.rstrip("\r\n") + "\n" if line.endswith("\n") else line for line in lines)
        assert flaws(text, place.language, LineSpan(0, len(lines))) == 0, function.id
        grown = LineSpan(place.span.start, place.span.stop + len(new) - (where.span.stop - where.span.start))
        after = doc_place(text, place.language, grown)
        assert after is not None and after.definition.name == function.name, function.id
        if place.language != "go":  # a comment there is documentation only where it begins with the name
            assert after.span == LineSpan(where.span.start, where.span.start + len(new)), function.id
        assert "Does what its name says." in "".join(new), function.id
        assert "nothing else changes." in " ".join(" ".join(new).split()) or shape == ENDED, function.id
        assert all(line.endswith(place.line_end) for line in new)
    assert len(refused) <= (1 - LEAST_OFFERED) * len(functions()), refused


@pytest.mark.parametrize("shape", UNDOCUMENTED)
def test_an_answer_without_documentation_is_refused(shape: str) -> None:
    for function in functions():
        where = doc_place(function.place.text, function.place.language, function.place.span)
        assert where is not None
        with pytest.raises(Unfit, match="no documentation"):
            documentation(UNDOCUMENTED[shape](function), where, function.place)
