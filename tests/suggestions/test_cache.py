from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codefuse_lsp.context.cursor import CursorContext, cursor_context
from codefuse_lsp.suggestions.cache import MAX_AGE_S, AnswerCache, Hit, Running, typed_between
from codefuse_lsp.suggestions.filters.place import Place

LONG = "".join(f"value_{number} = compute(value_{number - 1}, {number})\n" for number in range(200))


def at(drawn: str, uri: str = "file:///a") -> CursorContext:
    prefix, _, suffix = drawn.partition("│")
    return CursorContext(uri, "a", "python", 1, prefix, suffix)


def place(drawn: str, uri: str = "file:///a") -> Place:
    return Place(at(drawn, uri), block=False)


def cache_with(drawn: str, text: str) -> AnswerCache:
    cache = AnswerCache()
    cache.store(place(drawn), text, now=0.0)
    return cache


code = st.text(alphabet="ab(){}[]\"' \n\té😋", max_size=20)


@given(code, code, code.filter(bool), st.data())
def test_typing_what_is_suggested_gives_its_rest_and_deleting_it_the_whole(
    prefix: str, suffix: str, text: str, data: st.DataObject
) -> None:
    cache = cache_with(f"{prefix}│{suffix}", text)
    typed = data.draw(st.integers(0, len(text) - 1))
    for length in (*range(typed + 1), *reversed(range(typed + 1))):
        found = cache.find(at(f"{prefix}{text[:length]}│{suffix}"), now=1.0)
        assert found == Hit(text[length:], text[:length], place(f"{prefix}│{suffix}"))


@settings(max_examples=100)
@given(code, code, code, st.text("abc\n", min_size=1, max_size=9), st.data())
def test_whatever_else_has_changed_finds_nothing(
    prefix: str, suffix: str, text: str, other: str, data: st.DataObject
) -> None:
    prefix, suffix = f"<{prefix}", f"{suffix}>"
    cache = cache_with(f"{prefix}│{suffix}", text)
    place = data.draw(st.integers(0, len(prefix)))
    changed = prefix[:place] + other + prefix[place:]
    if not (f"{prefix}{text}").startswith(changed):
        assert cache.find(at(f"{changed}│{suffix}"), now=1.0) is None
    place = data.draw(st.integers(0, len(suffix)))
    assert cache.find(at(f"{prefix}│{suffix[:place]}{other}{suffix[place:]}"), now=1.0) is None
    assert cache.find(at(f"{prefix}│{suffix}", "file:///b"), now=1.0) is None
    assert cache.find(at(f"{prefix[:-1]}│{suffix}"), now=1.0) is None


@pytest.mark.parametrize(
    ("asked", "text", "now_at", "rest"),
    [
        ("print│\n", "(name)", "print(│)\n", "name)"),  # the editor has closed the bracket
        ("print│\n", '(["a"])', 'print(["│"])\n', 'a"])'),  # and a quote in a list in it
        ("print│\n", "(name)", "print(│\n", "name)"),  # an editor that closes none
        ("print(│)\n", "name)\nprint()", "print(name)│\n", "\nprint()"),  # the closed one was typed over
        ("f(g(│))\n", "x)) + 1", "f(g(x)│)\n", ") + 1"),
        ('x = "│"\n', 'abc"', 'x = "ab│"\n', 'c"'),
        ("print│\n", "(name)", "print(│]\n", None),  # no bracket of the typed text
        ("print│\n", "(name)", "print(│))\n", None),  # one too many
        ("print(│)\n", "name)", "print(na│\n", None),  # gone without having been typed
        ("x = │\n", "12", "x = 12│\n", None),  # nothing left to say
        ("x = │\n", "", "x = │\n", ""),  # a silence is remembered
        ("x = │\n", "", "x = 1│\n", None),
    ],
)
def test_what_the_editor_closes_by_itself_is_no_change(asked: str, text: str, now_at: str, rest: str | None) -> None:
    found = cache_with(asked, text).find(at(now_at), now=1.0)
    assert (found.rest if found else None) == rest


def test_the_answer_to_the_nearest_cursor_is_given() -> None:
    cache = cache_with("x = │\n", "first(1)")
    cache.store(place("x = fi│\n"), "ne(2)", now=1.0)
    assert cache.find(at("x = fin│\n"), now=2.0) == Hit("e(2)", "n", place("x = fi│\n"))
    assert cache.find(at("x = f│\n"), now=2.0) == Hit("irst(1)", "f", place("x = │\n"))
    assert cache.find(at("x = fir│\n"), now=2.0) == Hit("st(1)", "fir", place("x = │\n"))


def test_an_answer_that_was_cut_off_says_so() -> None:
    cache = AnswerCache()
    cache.store(replace(place("x = │"), is_cut=True), "1 + 2 +", now=0.0)
    found = cache.find(at("x = 1│"), now=0.0)
    assert found is not None and found.place.is_cut


def test_a_newer_answer_for_a_cursor_replaces_the_older() -> None:
    cache = cache_with("x = │\n", "1")
    cache.store(place("x = │\n"), "2", now=1.0)
    assert len(cache) == 1
    assert cache.find(at("x = │\n"), now=1.0) == Hit("2", "", place("x = │\n"))


def test_answers_grow_old() -> None:
    cache = cache_with("x = │\n", "1")
    assert cache.find(at("x = │\n"), now=MAX_AGE_S) is not None
    assert cache.find(at("x = │\n"), now=MAX_AGE_S + 1) is None
    assert len(cache) == 0


def test_the_least_recently_used_answer_goes_first() -> None:
    cache = AnswerCache(max_entries=2)
    for name in "ab":
        cache.store(place(f"{name} = │"), "1", now=0.0)
    assert cache.find(at("a = │"), now=0.0)
    cache.store(place("c = │"), "1", now=0.0)
    assert cache.find(at("a = │"), now=0.0) and cache.find(at("c = │"), now=0.0)
    assert cache.find(at("b = │"), now=0.0) is None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.text(max_size=40)), max_size=30))
def test_the_text_that_is_kept_is_bounded(answers: list[tuple[str, str]]) -> None:
    cache = AnswerCache(max_entries=5, max_bytes=400)
    for name, text in answers:
        cache.store(place(f"{name}{len(text)} = │"), text, now=0.0)
        assert len(cache) <= 5 and cache._bytes <= 400
        assert cache._bytes == sum(entry.size for entry in cache._entries.values())


def test_a_closed_document_is_forgotten() -> None:
    cache = cache_with("x = │\n", "1")
    cache.store(place("x = │\n", "file:///b"), "2", now=0.0)
    cache.forget("file:///a")
    assert cache.find(at("x = │\n"), now=0.0) is None
    assert cache.find(at("x = │\n", "file:///b"), now=0.0) is not None


@pytest.mark.parametrize("text", ["compute(one,\n    two)\n", "x" * 300])
@pytest.mark.parametrize("line", [0, 20, 100, 199])
def test_typing_in_a_long_document_finds_the_rest_though_the_window_slides(text: str, line: int) -> None:
    above = LONG.splitlines(keepends=True)[:line]
    below = LONG.splitlines(keepends=True)[line:]

    def window(typed: str) -> CursorContext:
        lines = f"{typed}\n".splitlines(keepends=True)
        column = len(lines[-1].rstrip("\n"))
        return cursor_context(
            [*above, *lines, *below],
            line + len(lines) - 1,
            column,
            uri="file:///a",
            path="a",
            language="python",
            version=1,
            budget_chars=4000,
        )

    cache = AnswerCache()
    cache.store(Place(window("x = "), block=False), text, now=0.0)
    for length in (0, 1, 5, len(text) - 2):
        found = cache.find(window(f"x = {text[:length]}"), now=0.0)
        assert found is not None and found.rest == text[length:]


def test_a_window_that_slides_over_changed_text_finds_nothing() -> None:
    asked = at(f"{LONG}│")
    lines = LONG.splitlines(keepends=True)
    later = "".join(lines[10:])
    assert typed_between(asked, at(f"{later}x│")) == "x"
    assert typed_between(at(f"{later}│"), at(f"{LONG}x│")) == "x"
    assert typed_between(asked, at(f"{later.replace('199', '198')}x│")) is None
    assert typed_between(asked, at(f"{''.join(lines[150:])}x│")) is None  # too little in common


@pytest.mark.parametrize(
    ("written", "has_ended", "now_at", "judged", "rest"),
    [
        ("", False, "x = f│\n", "continues", ""),  # too early to tell
        ("fo", False, "x = foo│\n", "continues", ""),
        ("foo(1)", False, "x = foo│\n", "continues", "(1)"),
        ("foo(1)", False, "x = │\n", "continues", "foo(1)"),
        ("foo(1)", True, "x = foo│\n", "continues", "(1)"),
        ("foo", True, "x = foo│\n", "diverged", ""),
        ("fo", True, "x = foo│\n", "diverged", ""),
        ("bar", False, "x = f│\n", "diverged", ""),
        ("fo", False, "x = far│\n", "diverged", ""),
        ("foo(1)", False, "x = foo(│)\n", "continues", "1)"),  # the editor has closed the bracket
        ("foo(1)", False, "x │\n", "diverged", ""),
        ("foo(1)", False, "y = foo│\n", "diverged", ""),
    ],
)
def test_a_running_answer_goes_on_while_it_says_what_is_typed(
    written: str, has_ended: bool, now_at: str, judged: str, rest: str
) -> None:
    running = Running(at("x = │\n"), written, has_ended)
    assert running.at(at(now_at)) == judged
    assert running.rest_at(at(now_at)) == rest


@given(code, code, code, st.data())
def test_an_answer_that_continues_goes_on_continuing_until_it_contradicts(
    prefix: str, suffix: str, text: str, data: st.DataObject
) -> None:
    typed = text[: data.draw(st.integers(0, len(text)))]
    there = at(f"{prefix}{typed}│{suffix}")
    running = Running(at(f"{prefix}│{suffix}"))
    for written in range(len(text) + 1):
        assert replace(running, written=text[:written]).at(there) == "continues"
