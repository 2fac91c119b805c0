"""The engine that editors are tested with says what it was told to, and comes back where it was."""

from __future__ import annotations

import httpx2

from tests.editors.scripted_engine import ScriptedEngine

ASKED = {"prompt": "def area(", "stream": True}


def said(engine: ScriptedEngine) -> str:
    return httpx2.post(f"{engine.endpoint}/completions", json=ASKED).text


def test_the_newest_rule_that_fits_a_prompt_is_followed() -> None:
    with ScriptedEngine() as engine:
        engine.answers("", "anything")
        engine.answers("area", "width, ", "height")
        engine.answers("volume", "depth")
        assert "width, " in said(engine) and "height" in said(engine)
        assert engine.prompts == [ASKED["prompt"]] * 2


def test_one_that_has_ended_comes_back_at_the_same_address() -> None:
    with ScriptedEngine() as engine:
        address = engine.endpoint
        engine.end()
        engine.begin()
        engine.answers("", "again")
        assert engine.endpoint == address and "again" in said(engine)
