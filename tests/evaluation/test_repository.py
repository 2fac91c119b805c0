from __future__ import annotations

import json
import math
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from codefuse_lsp.config import Settings
from codefuse_lsp.context.ignore import Ignore
from codefuse_lsp.context.secrets import PLACEHOLDER
from codefuse_lsp.evaluation.gaps import Gap
from codefuse_lsp.evaluation.masking import drawn
from codefuse_lsp.evaluation.plan import Plan
from codefuse_lsp.evaluation.recorded import RecordedConnection
from codefuse_lsp.evaluation.repository import repository
from codefuse_lsp.evaluation.source_files import sources_of
from codefuse_lsp.suggestions.requests import CANDIDATES
from tests.e2e.far_end import Completion, FarEnd

APP = """\
from prices import price_of


def total(basket):
    found = zebra_sum(basket)
    return found + price_of(basket)
"""
PRICES = """\
# Prices of all that is sold.
from app import total


def price_of(basket):
    weight = giraffe_weight(basket)
    return total(basket) * weight
"""


class Stand:
    """A repository that is evaluated as often as a test likes."""

    def __init__(self, endpoint: str, folder: Path, **files: str) -> None:
        self.settings = Settings(endpoint=endpoint, completion_timeout=120.0)
        self.folder = folder / "project"
        self.folder.mkdir()
        for name, text in files.items():
            (self.folder / f"{name}.py").write_text(text)
        self.results = folder / "results.jsonl"
        self.told: list[str] = []

    def gaps(self, limit: int | None = None, seed: int = 0) -> list[Gap]:
        return drawn(sources_of(self.folder, Ignore([self.folder])).files, seed, limit)

    async def run(self, *forms: str, **plan: Any) -> dict[str, Any]:
        chosen = Plan(self.folder, results=self.results, **plan)
        sources = sources_of(self.folder, Ignore([self.folder]))
        connection = RecordedConnection(self.settings)
        gaps = drawn(sources.files, chosen.seed, chosen.limit)
        try:
            return await repository(sources, gaps, forms, self.settings, chosen, connection, self.tell)
        finally:
            await connection.close()

    def tell(self, message: str, fraction: float | None) -> None:
        self.told.append(message)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CACHE_HOME", "DATA_HOME", "CONFIG_HOME"):
        monkeypatch.setenv(f"XDG_{name}", str(tmp_path / "home"))


def knows(far_end: FarEnd, stand: Stand, doubt: float = 0.9, **mistakes: str) -> None:
    """Let the far end go on as the files do, to their end.

    Where a file says the first word of a mistake, it writes the rest, and says that this word has the probability
    `doubt`.
    """
    firsts = {wrong.split()[0] for wrong in mistakes.values()}

    async def script(completion: Completion) -> None:
        completion.head()
        tail = (completion.prompt + completion.heal)[-30:]
        texts = [path.read_text() for path in sorted(stand.folder.glob("*.py"))]
        (rest, *_) = [text.partition(tail)[2] for text in texts if tail in text]
        for right, wrong in mistakes.items():
            rest = re.sub(rf"\b{right}.*", wrong, rest)
        for piece in (completion.heal, *re.findall(r"\S+|\s+", rest)):
            probability = doubt if piece in firsts else 0.9
            logprobs = {"tokens": [piece], "token_logprobs": [math.log(probability)], "top_logprobs": None}
            completion.event({"choices": [{"index": 0, "text": piece, "finish_reason": None, "logprobs": logprobs}]})
        completion.end()

    far_end.script = script


async def test_each_place_is_asked_in_each_form_and_what_is_shown_is_scored(far_end: FarEnd, tmp_path: Path) -> None:
    stand = Stand(far_end.endpoint, tmp_path, app=APP, prices=PRICES)
    knows(far_end, stand, **{"weight = giraffe": "weight = 0"})
    found = await stand.run("healed", "shipped", jobs=4)
    total = len(stand.gaps())
    assert found["total"] == total == 8 and found["form"] == "shipped"
    assert found["forms"]["healed"]["exact_match"] == 5  # it shows one line, and two are bodies of two
    assert found["exact_match"] >= 5 and 0.75 < found["edit_similarity"] < 1
    assert found["parse_ok"] == 8 and found["new_syntax_errors"] == found["duplicate_suffix"] == found["silent"] == 0
    assert found["kinds"]["block"]["total"] == 2 and found["kinds"]["block"]["exact_match"] == 1
    assert found["languages"].keys() == {"python"} and found["files"] == 2 and found["left_out"] == {}
    assert found["against"]["healed"]["exact_match"]["ratio"] == found["exact_match"] / 5
    json.dumps(found)


async def test_the_answer_is_nowhere_in_the_prompt(far_end: FarEnd, tmp_path: Path) -> None:
    stand = Stand(far_end.endpoint, tmp_path, app=APP, prices=PRICES)
    knows(far_end, stand)
    await stand.run("healed", "shipped", jobs=4)
    saw_other = 0
    for gap in stand.gaps():
        tail = gap.before[-30:]
        prompts = [asked.prompt for asked in far_end.asked if (asked.prompt + asked.heal).endswith(tail)]
        assert len(prompts) >= 1 + 3  # in the raw form, and in each size of context
        for own, other in (("zebra_sum", "giraffe_weight"), ("giraffe_weight", "zebra_sum")):
            if own in gap.missing:
                assert not any(own in prompt for prompt in prompts)
                saw_other += sum(other in prompt for prompt in prompts)
    assert saw_other  # the other file is there as it is on the disk


async def test_the_answer_is_not_read_by_way_of_a_link_to_the_repository_itself(
    far_end: FarEnd, tmp_path: Path
) -> None:
    text = "from mypkg.app import total\n\n\ndef total(basket):\n    found = basket\n    return found\n"
    stand = Stand(far_end.endpoint, tmp_path, app=text)
    (stand.folder / "mypkg").symlink_to(stand.folder)
    knows(far_end, stand)
    await stand.run("shipped", jobs=4)
    assert far_end.asked and not any("def total(basket): ..." in asked.prompt for asked in far_end.asked)


async def test_a_file_whose_name_is_not_utf_8_is_measured_like_others(far_end: FarEnd, tmp_path: Path) -> None:
    stand = Stand(far_end.endpoint, tmp_path)
    try:
        (stand.folder / os.fsdecode(b"caf\xe9.py")).write_text(APP)
    except OSError:
        pytest.skip("file names are UTF-8 here")
    knows(far_end, stand)
    found = await stand.run("healed", "shipped", limit=2)
    assert found["total"] == 2 and found["files"] == 1
    assert (await stand.run("healed", "shipped", limit=2)) == found


async def test_no_secret_is_in_any_prompt_raw_ones_included(far_end: FarEnd, tmp_path: Path) -> None:
    key = "AKIA" + "QWERTYUIOPASDFGH"
    stand = Stand(far_end.endpoint, tmp_path, app=APP.replace("def total", f'access_key = "{key}"\n\n\ndef total'))
    far_end.says("nothing\n")
    found = await stand.run("healed", "shipped")
    assert len(far_end.asked) > 4 and not [asked for asked in far_end.asked if key in asked.prompt]
    assert found["total"] == len(stand.gaps())


async def test_no_secret_is_in_the_results_though_it_is_shown_and_scored(far_end: FarEnd, tmp_path: Path) -> None:
    key = "AKIA" + "QWERTYUIOPASDFGH"
    text = (
        f'access_key = "{key}"\n\n\ndef client():\n    found = connect("{key}")\n    print("{key}")\n    return found\n'
    )
    stand = Stand(far_end.endpoint, tmp_path, app=text)

    async def script(completion: Completion) -> None:
        found = PLACEHOLDER.search(completion.prompt)
        completion.head()
        if found is not None:  # else it cannot know
            tail = (completion.prompt + completion.heal).replace(found[0], key)[-30:]
            completion.say(completion.heal + text.partition(tail)[2].replace(key, found[0]))
        completion.end()

    far_end.script = script
    found = await stand.run("healed", "shipped")
    kept = stand.results.read_text()
    assert key not in kept and len(PLACEHOLDER.findall(kept)) > 4
    assert found["exact_match"] == found["total"] - found["silent"] > 3
    assert not [trial for trial in found["trials"] if trial["exact_match"] != found["exact_match"]]
    assert (await stand.run("healed", "shipped")) == found  # a placeholder is the same the next time


async def test_other_settings_are_tried_and_confidence_costs_no_request(far_end: FarEnd, tmp_path: Path) -> None:
    stand = Stand(far_end.endpoint, tmp_path, app=APP)
    stand.settings = replace(stand.settings, completion_candidates=1)
    knows(far_end, stand, doubt=0.15, **{"return found": "nonsense = unheard_of"})
    found = await stand.run("shipped", jobs=4)
    total = found["total"]
    assert len(far_end.asked) == 3 * total  # the size of context as it is, and two others
    of = {(trial["setting"], trial["value"]): trial for trial in found["trials"]}
    assert [value for name, value in of if name == "completion_context"] == [512, 2048]
    assert [value for name, value in of if name == "completion_confidence"] == [0.1, 0.2, 0.35]
    unsure, sure = of["completion_confidence", 0.2], of["completion_confidence", 0.1]
    assert (sure["silent"], unsure["silent"]) == (0, 1) and sure["wrong_chars"] > unsure["wrong_chars"] == 0
    assert sure["exact_match"] == unsure["exact_match"] == found["exact_match"] == total - 2
    assert unsure["p50_ms"] is None and unsure["difference"]["right_less_wrong_chars"]["mean"] > 0
    assert [one["line"] for one in found["recommendations"]] == ["", ""]
    assert all("too few" in one["sentence"] for one in found["recommendations"])


async def test_confidence_is_compared_with_one_answer_and_not_with_a_chosen_one(
    far_end: FarEnd, tmp_path: Path
) -> None:
    stand = Stand(far_end.endpoint, tmp_path, app=APP)
    far_end.card["scores"] = True  # what is chosen comes of a prompt without the code after the cursor

    async def script(completion: Completion) -> None:
        completion.head()
        for piece in (completion.heal, "found" if completion.body.get("logprobs") == 0 else "zebra", "\n"):
            logprobs = {"tokens": [piece], "token_logprobs": [-0.1], "top_logprobs": None}
            completion.event({"choices": [{"index": 0, "text": piece, "finish_reason": None, "logprobs": logprobs}]})
        completion.end()

    far_end.script = script
    found = await stand.run("shipped", limit=3)
    assert found["settings"]["completion_candidates"] == CANDIDATES and found["one_answer"]["p50_ms"] > 0
    trials = [trial for trial in found["trials"] if trial["setting"] == "completion_confidence"]
    for trial in trials:
        assert trial["edit_similarity"] == found["one_answer"]["edit_similarity"] != found["now"]["edit_similarity"]
        assert trial["difference"]["right_less_wrong_chars"]["mean"] == 0


async def test_where_nothing_is_chosen_one_answer_is_what_is_shown(far_end: FarEnd, tmp_path: Path) -> None:
    stand = Stand(far_end.endpoint, tmp_path, app=APP)
    del far_end.card["device"]
    knows(far_end, stand)
    found = await stand.run("shipped", limit=2)
    assert len(far_end.asked) == 3 * 2 and found["settings"]["completion_candidates"] == 1
    assert found["one_answer"]["p50_ms"] == found["now"]["p50_ms"]


async def test_evidence_makes_a_recommendation(far_end: FarEnd, tmp_path: Path) -> None:
    many = {f"m{n}": re.sub(r"prices|total|zebra", rf"\g<0>_{n}", APP) for n in range(9)}
    stand = Stand(far_end.endpoint, tmp_path, **many)
    knows(far_end, stand, doubt=0.15, **{"return found": "nonsense = unheard_of"})
    found = await stand.run("shipped", limit=32, jobs=4)
    context, confidence = found["recommendations"]
    assert context["setting"] == "completion_context"
    assert confidence["line"] == "completion_confidence = 0.2" and "0.0 wrong characters" in confidence["sentence"]


async def test_without_the_whole_way_no_settings_are_tried(far_end: FarEnd, tmp_path: Path) -> None:
    stand = Stand(far_end.endpoint, tmp_path, app=APP)
    knows(far_end, stand)
    found = await stand.run("healed", limit=3)
    assert len(far_end.asked) == 3 and found["trials"] == found["recommendations"] == []


async def test_what_was_stopped_goes_on_where_it_was(far_end: FarEnd, tmp_path: Path) -> None:
    stand = Stand(far_end.endpoint, tmp_path, app=APP)
    knows(far_end, stand)
    first = await stand.run("healed", "shipped", limit=2)
    asked = len(far_end.asked)
    again = await stand.run("healed", "shipped", limit=2)
    assert len(far_end.asked) == asked and again == first
    assert (await stand.run("healed", "shipped", limit=3))["total"] == 3
    assert len(far_end.asked) == asked + 5


async def test_a_file_that_changed_makes_other_figures(far_end: FarEnd, tmp_path: Path) -> None:
    stand = Stand(far_end.endpoint, tmp_path, app=APP)
    knows(far_end, stand)
    before = await stand.run("healed", limit=2)
    (stand.folder / "app.py").write_text(APP + "\n\ndone = True\n")
    after = await stand.run("healed", limit=2, fresh=True)
    assert before["settings"]["data_sha256"] != after["settings"]["data_sha256"]


@pytest.mark.parametrize("shown", ["if found:", "def later(basket):"])
async def test_a_header_whose_body_is_to_come_is_no_syntax_error(far_end: FarEnd, tmp_path: Path, shown: str) -> None:
    stand = Stand(
        far_end.endpoint, tmp_path, app="def total(basket):\n    found = 1\n    print(found)\n    return found\n"
    )
    far_end.says(f"{shown}\n")
    found = await stand.run("healed")
    assert found["new_syntax_errors"] == 0


@pytest.mark.real_model
async def test_the_real_model_is_measured_on_a_small_repository(
    smollm2: Path, tmp_path: Path, worker_home: Path
) -> None:
    stand = Stand("", tmp_path, app=APP, prices=PRICES)
    stand.settings = Settings(model=str(smollm2), device="cpu", completion_timeout=120.0, completion_max_tokens=12)
    found = await stand.run("healed", "shipped", limit=2)
    assert found["total"] == 2 and found["new_syntax_errors"] == found["duplicate_suffix"] == 0
    assert 0 < found["forms"]["healed"]["edit_similarity"] <= 1 and found["latency_ms"]["p50"] > 0
    assert len(found["trials"]) == 5 and len(found["recommendations"]) == 2
