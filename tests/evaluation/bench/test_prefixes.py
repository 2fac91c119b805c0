from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codefuse_lsp.errors import WorkerUnreachable
from codefuse_lsp.evaluation.bench.prefixes import Tally, first_reads, percent_before, prompts_of, prompts_read
from codefuse_lsp.suggestions.log import RequestLog, Said


def record(name: str, prompt_tokens: int = 0, cached_tokens: int = 0, source: str = "model") -> dict[str, Any]:
    counts = {"prompt_tokens": prompt_tokens, "cached_tokens": cached_tokens}
    return {"id": name, "file": "a.py", "source": source, **counts}


def read_before(records: list[dict[str, Any]], prompts: dict[str, str]) -> float:
    return percent_before(prompts_read(records, prompts))


def test_what_the_far_end_told_is_believed() -> None:
    assert read_before([record("a", 100, 0), record("b", 100, 100)], {}) == 50.0


def test_a_request_that_was_cancelled_untold_has_read_what_no_earlier_prompt_begins_with() -> None:
    prompts = {"a": "x" * 400, "b": "x" * 400}  # 4 characters a token
    assert read_before([record("a"), record("b", 100, 100)], prompts) == pytest.approx(50.0)
    assert read_before([record("b", 100, 0), record("a")], prompts) == pytest.approx(50.0)


def test_what_was_never_read_spares_no_later_prompt_anything() -> None:
    prompts = {"a": "x" * 400, "b": "x" * 400, "c": "y" * 400}
    assert read_before([record("a"), record("b"), record("c", 100, 0)], prompts) == 0.0


def test_answers_that_were_taken_over_count_once() -> None:
    assert read_before([record("a", 100, 50), record("b", 100, 0, source="running")], {}) == 50.0


def test_of_nothing_nothing_was_read() -> None:
    assert read_before([], {}) == 0.0


def test_prompts_are_found_in_the_log_of_requests(tmp_path: Path) -> None:
    log = RequestLog(tmp_path / "requests.jsonl")
    for name in ("aa", "bb"):
        log.add(Said(name, f"prompt {name}", "", "", ""))
    log.save()
    records = [record("aa"), record("bb", source="running"), record("cc")]
    assert prompts_of(tmp_path / "requests.jsonl", records) == {"aa": "prompt aa"}


def test_the_first_prompt_of_each_document_is_known_as_such() -> None:
    records = [record("a", 9), {**record("b", 9), "file": "b.py"}, record("c", 9)]
    assert [prompt.is_first for prompt in prompts_read(records, {})] == [True, True, False]


class Counting:
    """A far end that tells how it is."""

    def __init__(self, told: dict[str, Any] | Exception) -> None:
        self.told = told

    async def health(self) -> dict[str, Any]:
        if isinstance(self.told, Exception):
            raise self.told
        return self.told


@pytest.mark.asyncio
async def test_an_engine_that_counts_is_believed_before_all_requests() -> None:
    before = await Tally.of(Counting({"prompt_tokens_found": 10, "prompt_tokens_read": 90}))  # type: ignore[arg-type]
    after = await Tally.of(Counting({"prompt_tokens_found": 910, "prompt_tokens_read": 190}))  # type: ignore[arg-type]
    assert after is not None
    assert after.since(before) == Tally(900, 100)
    assert after.since(before).percent_found() == 90.0
    assert after.since(before).percent_found(without=50) == pytest.approx(94.7, abs=0.1)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "told", [{}, {"prompt_tokens_found": 0, "prompt_tokens_read": 0}, WorkerUnreachable("It has no such path.")]
)
async def test_one_that_does_not_count_is_not(told: Any) -> None:
    assert await Tally.of(Counting(told)) is None  # type: ignore[arg-type]


def test_a_documents_first_prompt_has_to_be_read_but_for_what_another_began_with() -> None:
    prompts = {"a": "x" * 400, "b": "x" * 500, "c": "x" * 200 + "y" * 300}  # 4 characters a token
    records = [record("a", 100), record("b"), {**record("c"), "file": "b.py"}]
    assert first_reads(records, prompts) == pytest.approx(100 + 75)
