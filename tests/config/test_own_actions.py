"""Users' own actions, read: the good ones are there, and of each bad one is said what is wrong."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.config import Settings, apply
from codefuse_lsp.config.own_actions import MAX_PROMPT_CHARS, MOST_ACTIONS, OwnAction, read_actions

GOOD = {"name": "Shout", "prompt": "Shout {selection}", "answer": "replace", "languages": ["python"]}


def test_an_action_is_read_with_all_that_it_has() -> None:
    table = tomllib.loads(
        '[[actions]]\nname = "A"\nprompt = "x"\n\n[[actions]]\nname = "B"\nprompt = "y"\nanswer = "insert"\n'
    )
    assert read_actions(table["actions"], "f") == ((OwnAction("A", "x"), OwnAction("B", "y", "insert")), [])
    assert read_actions([GOOD], "f")[0] == (OwnAction("Shout", "Shout {selection}", "replace", ("python",)),)


def test_no_actions_are_no_fault() -> None:
    assert read_actions(None, "f") == ((), []) == read_actions([], "f")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"name": ""}, "f: the action number 1 has no name; it was left out."),
        ({"name": 5}, "f: the action number 1 has no name; it was left out."),
        ({"prompt": " "}, "f: the action 'Shout' has no prompt; it was left out."),
        (
            {"name": "x" * 61},
            "has a name of 61 characters, and 60 are the most; it was left out.",
        ),
        ({"name": "a\nb"}, "f: the action 'a\nb' has a name with control characters in it; it was left out."),
        ({"prompt": "x" * (MAX_PROMPT_CHARS + 1)}, "has a prompt of 8001 characters, and 8000 are the most"),
        ({"answer": "run"}, "has answer = 'run', which is not one of show, replace, insert, new_file"),
        ({"answer": ["show"]}, "has answer = ['show'], which is not one of"),
        ({"languages": "python"}, "has languages that are not a list of texts"),
        ({"command": "rm"}, "has a field 'command', which no action has"),
    ],
)
def test_what_is_wrong_with_an_action_is_said(given: dict[str, Any], sentence: str) -> None:
    found, warnings = read_actions([{**GOOD, **given}, {**GOOD, "name": "Other"}], "f")
    assert [action.name for action in found] == ["Other"]
    assert len(warnings) == 1 and sentence in warnings[0]


def test_a_name_is_taken_once() -> None:
    found, warnings = read_actions([GOOD, {**GOOD, "prompt": "other"}], "f")
    assert [action.prompt for action in found] == ["Shout {selection}"] and "has the name of another one" in warnings[0]


def test_their_number_is_bounded() -> None:
    found, warnings = read_actions([{**GOOD, "name": str(n)} for n in range(MOST_ACTIONS + 2)], "f")
    assert len(found) == MOST_ACTIONS
    assert warnings == [f"f: there are {MOST_ACTIONS + 2} actions; those after the first {MOST_ACTIONS} were left out."]


def test_what_is_no_list_of_tables_is_left_out() -> None:
    assert "not a list of tables" in read_actions({"name": "a"}, "f")[1][0]
    assert "number 1 is not a table" in read_actions(["a"], "f")[1][0]


def test_they_are_no_setting_and_no_unknown_one_either() -> None:
    assert apply(Settings(), {"actions": [GOOD]}, "f") == (Settings(), [])


VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
TABLES = st.sampled_from([*GOOD, "x"])
JSON = st.recursive(VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TABLES, inner, max_size=4))


@given(JSON)
def test_anything_can_be_given(given: Any) -> None:
    found, warnings = read_actions(given, "f")
    assert all(warning.startswith("f: ") and warning.endswith("left out.") for warning in warnings)
    assert all(action.name and action.prompt for action in found)
