from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.prompts.escape import JOINER, Restorer, escape, restore

ROLES = ("<|role_start|>", "<|role_end|>", "<s>", "</s>", "<unk>")
TANGLED = ("<a<b>", "<b>", "<a<b>c", "aaa", "<<s>>", "ab", "ba", "[.*]", "<a<")
TAGS = st.sampled_from([ROLES, TANGLED, (*ROLES, *TANGLED)])
PIECES = st.sampled_from(
    [*ROLES, *TANGLED, JOINER, JOINER * 2, "<", "|", "role_start", "|>", "s", ">", "a", "b", "\n", "x 😋"]
)
TEXTS = st.lists(PIECES | st.text(max_size=5), max_size=12).map("".join)


@given(TEXTS, TAGS)
def test_what_is_escaped_is_restored_to_the_character(text: str, tags: tuple[str, ...]) -> None:
    assert restore(escape(text, tags), tags) == text


@given(TEXTS, TAGS, st.integers(1, 4))
def test_escaping_several_times_is_undone_as_often(text: str, tags: tuple[str, ...], times: int) -> None:
    escaped = text
    for _ in range(times):
        escaped = escape(escaped, tags)
    for _ in range(times):
        escaped = restore(escaped, tags)
    assert escaped == text


@given(TEXTS, TAGS)
def test_no_tag_is_left_in_escaped_text(text: str, tags: tuple[str, ...]) -> None:
    escaped = escape(text, tags)
    assert not [tag for tag in tags if tag in escaped]


@given(TEXTS, TEXTS)
def test_two_texts_are_never_escaped_alike(one: str, other: str) -> None:
    assert (escape(one, TANGLED) == escape(other, TANGLED)) == (one == other)


@given(TEXTS, TAGS, st.lists(st.integers(0, 60), max_size=8))
def test_pieces_are_restored_to_the_same_text_as_the_whole(text: str, tags: tuple[str, ...], cuts: list[int]) -> None:
    restorer = Restorer(tags)
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    given_out = "".join(restorer.feed(text[a:b]) for a, b in pairwise(places))
    assert given_out + restorer.flush() == restore(text, tags)


@given(TEXTS, TAGS)
def test_characters_fed_one_by_one_come_out_the_same(text: str, tags: tuple[str, ...]) -> None:
    restorer = Restorer(tags)
    assert "".join(map(restorer.feed, text)) + restorer.flush() == restore(text, tags)


def test_a_tag_gets_a_joiner_after_its_first_character() -> None:
    assert escape("a <s> b", ROLES) == f"a <{JOINER}s> b"
    assert escape(f"<{JOINER}s>", ROLES) == f"<{JOINER}{JOINER}s>"


def test_text_without_tags_stays_as_it_is() -> None:
    text = f"if a < b: return '<|role' {JOINER} x"
    assert escape(text, ROLES) == text == restore(text, ROLES)


@pytest.mark.parametrize("tags", [(), ("",), ("x",), (" \n",)])
def test_a_tag_that_could_not_be_told_from_ordinary_text_is_none(tags: tuple[str, ...]) -> None:
    assert escape("x \n y", tags) == "x \n y"
    assert Restorer(tags).feed("x \n") == "x \n"


def test_a_tag_the_model_wrote_itself_is_left_alone() -> None:
    assert restore("<s>HTML</s>", ROLES) == "<s>HTML</s>"


def test_only_what_may_be_a_tag_is_held_back() -> None:
    restorer = Restorer(ROLES)
    assert restorer.feed("return a ") == "return a "
    assert restorer.feed("if b <") == "if b "
    assert restorer.feed(" c") == "< c"
    assert restorer.feed("<|role") == "<|role"  # no joiner after the first character: nothing to take away
    assert restorer.feed(f"<{JOINER}|role_st") == ""
    assert restorer.feed("art|> b") == "<|role_start|> b"
    assert restorer.feed(f"<{JOINER}|x") == f"<{JOINER}|x"
    assert restorer.feed("<") == ""
    assert restorer.flush() == "<"
    assert restorer.flush() == ""


def test_a_thousand_special_tokens_are_no_burden() -> None:
    tags = tuple(f"<|reserved_special_token_{n}|>" for n in range(1000))
    text = "a < b <| c\n" * 1000 + tags[-1]
    assert restore(escape(text, tags), tags) == text
