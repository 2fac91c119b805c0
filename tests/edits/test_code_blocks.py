"""Which piece of an answer is the code."""

from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.edits.code_blocks import candidates

CODE = "def area(w, h):\n    return w * h"


def test_prose_round_a_block_is_left_out() -> None:
    assert candidates(f"Sure! Here it is:\n\n```python\n{CODE}\n```\n\nHope it helps.\n")[0] == CODE


def test_of_several_blocks_the_longest_comes_first_and_the_others_may_be_it_too() -> None:
    found = candidates(f"Run\n```sh\npytest\n```\nwith\n```python\n{CODE}\n```\n")
    assert found == [CODE, "pytest"]


def test_a_fence_in_a_docstring_does_not_end_the_block() -> None:
    code = 'def f():\n    """Say.\n\n    ```\n    f()\n    ```\n    """\n    return 1'
    assert candidates(f"```python\n{code}\n```\n")[0] == code


def test_a_block_in_a_block_is_part_of_it() -> None:
    inner = 'TEXT = """\n```js\nf()\n```\n"""'
    assert candidates(f"```python\n{inner}\n```\nThat is all.")[0] == inner


def test_where_nobody_can_tell_which_fence_ends_a_block_both_are_tried() -> None:
    text = '```python\nTEXT = """\n```\n"""\n```\n'
    found = candidates(text)
    assert 'TEXT = """\n```\n"""' in found


def test_longer_fences_are_closed_by_longer_ones_only() -> None:
    inner = "```\ninner\n```\nlast"
    assert candidates(f"````markdown\n{inner}\n````\n")[0] == inner


def test_a_block_that_was_never_closed_goes_on_to_the_end() -> None:
    assert candidates(f"Here:\n```python\n{CODE}")[0] == CODE


def test_a_fence_that_only_closes_ends_the_code_behind_a_prefill_that_opened_it() -> None:
    assert candidates(f"{CODE}\n```\nThis multiplies.")[0] == CODE


def test_without_a_fence_paragraphs_of_prose_at_the_ends_are_left_out() -> None:
    assert candidates(f"Here is the code:\n\n{CODE}\n\nThis function multiplies.\n")[0].strip() == CODE


def test_names_that_look_like_prose_are_code() -> None:
    code = "sure = True\nokay(1)"
    assert candidates(code)[0] == code


def test_tags_that_models_put_round_code_are_left_out() -> None:
    assert candidates(f"<code>\n{CODE}\n</code>")[0] == CODE


def test_line_ends_of_any_kind_are_line_feeds() -> None:
    assert candidates("```\r\na\r\nb\r\n```\r\n")[0] == "a\nb"


def test_an_answer_of_nothing_has_no_candidates() -> None:
    assert candidates("") == candidates("  \n\n") == candidates("```\n```") == []


@given(st.text(alphabet=st.sampled_from("`~ ab\n\t\r:"), max_size=200))
def test_any_answer_can_be_read(answer: str) -> None:
    text = answer.replace("\r\n", "\n").replace("\r", "\n")
    for code in candidates(answer):
        assert code.strip() and all(line in text for line in code.split("\n"))


@given(
    st.lists(
        st.text(alphabet=st.characters(blacklist_characters="`~\r\n<[", blacklist_categories=["Cs"]), min_size=1),
        min_size=1,
    )
)
def test_code_in_a_fence_comes_out_as_it_went_in(lines: list[str]) -> None:
    code = "\n".join(lines)
    if code.strip():
        assert candidates(f"Here:\n```\n{code}\n```\nDone.")[0] == code


def test_a_fence_that_was_opened_for_the_model_and_once_more_by_it_opens_one_block() -> None:
    assert CODE in candidates(f"```python\nSure!\n\n```python\n{CODE}\n```\nDone.")
    assert CODE in candidates(f"```python\n```python\n{CODE}\n```")


def test_prose_in_the_block_that_was_opened_for_the_model_is_left_out() -> None:
    assert candidates(f"```python\nHere is the code:\n\n{CODE}\n")[0].strip() == CODE
