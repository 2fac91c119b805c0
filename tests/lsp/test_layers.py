from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.config import Settings
from codefuse_lsp.context.ignore import Ignore
from codefuse_lsp.lsp.layers import Layers

OWN = Settings(ignore=("*.plan", "!open.plan"), languages_off=("markdown",))
FILE = ".codefuse.toml"


def test_a_workspace_adds_to_what_is_private_and_takes_nothing_away() -> None:
    layers = Layers(OWN)
    layers.take_from_client({"ignore": [], "languagesOff": []})
    layers.take_from_file("/a", FILE, {"ignore": ["!*.plan"], "languages_off": ["sql"]})
    layers.take_from_file("/b", FILE, {"ignore": ["drafts/"], "languages_off": ["python"]})
    assert layers.settings.languages_off == ("python", "sql", "markdown")
    rules = Ignore(["/b"], layers.settings.ignore)
    assert rules.rule_against("/b/take.plan") and rules.rule_against("/b/drafts/x.py")
    assert rules.rule_against("/b/open.plan") is None  # the user has the last word


def test_what_one_folder_hides_another_does_not_show_and_it_goes_with_the_folder() -> None:
    layers = Layers(Settings())
    layers.take_from_file("/a", FILE, {"ignore": ["private.py"]})
    layers.take_from_file("/b", FILE, {"ignore": ["other.py"]})
    assert set(layers.settings.ignore) == {"private.py", "other.py"}
    layers.keep_files(["/b"])
    assert layers.settings.ignore == ("other.py",)


def test_a_workspace_turns_ghost_text_off_and_never_on() -> None:
    layers = Layers(Settings(completion=False))
    layers.take_from_client({"completion": True})
    layers.take_from_file("/a", FILE, {"completion": True})
    assert layers.settings.completion is False
    layers = Layers(Settings())
    layers.take_from_file("/a", FILE, {"completion": False})
    assert layers.settings.completion is False


def test_a_workspace_asks_for_a_few_answers_and_a_user_for_many() -> None:
    layers = Layers(Settings(completion_candidates=16))
    (warning,) = layers.take_from_file("/a", FILE, {"completion_candidates": 32})
    assert "completion_candidates = 32 is more than the 8 that a workspace may ask for; keeping 16" in warning
    assert layers.settings.completion_candidates == 16
    assert layers.take_from_client({"completionCandidates": 8}) == []
    assert layers.settings.completion_candidates == 8


def test_all_that_a_client_says_stands_in_place_of_what_it_said_before() -> None:
    layers = Layers(OWN)
    layers.take_all_from_client({"completionMaxTokens": 20, "ignore": ["a.py"]})
    layers.take_from_client({"completionTimeout": 3})
    assert (layers.settings.completion_max_tokens, layers.settings.completion_timeout) == (20, 3)
    layers.take_all_from_client({"completionTimeout": 4})
    assert (layers.settings.completion_max_tokens, layers.settings.completion_timeout) == (96, 4)
    assert layers.settings.ignore == OWN.ignore


PATTERNS = st.lists(st.sampled_from(["a", "b", "!a", "!b", "*", "!*"]), max_size=4)


@given(PATTERNS, PATTERNS, PATTERNS, st.sampled_from("abc"))
def test_what_the_user_decides_is_decided_whatever_the_layers_say(
    own: list[str], client: list[str], file: list[str], name: str
) -> None:
    layers = Layers(Settings(ignore=tuple(own)))
    layers.take_from_client({"ignore": client})
    layers.take_from_file("/w", FILE, {"ignore": file})
    alone, together = (Ignore(["/w"], patterns) for patterns in (tuple(own), layers.settings.ignore))
    if alone.rule_against(f"/w/{name}"):
        assert together.rule_against(f"/w/{name}")
