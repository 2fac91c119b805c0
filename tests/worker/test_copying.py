"""A rewrite costs few passes of the model: counted with the tiny model's tokens, and in the engine itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.config import Settings
from codefuse_lsp.generation.request import GenerationRequest, Priority
from codefuse_lsp.worker.copying import Copy
from codefuse_lsp.worker.engine import Engine
from codefuse_lsp.worker.loader import LoadedModel, load
from codefuse_lsp.worker.speculation import LONGEST_COPY, PromptLookup
from tests.conftest import CODE

OLD = CODE + CODE.replace("Stack", "Queue").replace("read_lines", "read_words").replace("_items", "_waiting")
LINES = OLD.splitlines(keepends=True)
NEW_LINE = "        self.check(item, 'pushed')\n"
REWRITES = {
    "nothing is changed": OLD,
    "a line is changed": OLD.replace("file.read", "file.write").replace("utf-8", "latin-1", 1),
    "a name is changed everywhere": OLD.replace("_items", "_content"),
    "lines are put in": "".join(line + NEW_LINE * ("append" in line) for line in LINES),
    "lines are left out": "".join(line for line in LINES if "raise" not in line and "return [" not in line),
}
LEAST = {
    "nothing is changed": 14,
    "a line is changed": 12,
    "a name is changed everywhere": 7,
    "lines are put in": 7,
    "lines are left out": 8,
}  # tokens a pass


@pytest.fixture(scope="module")
def loaded(tiny_llama: Path) -> LoadedModel:
    return load(Settings(model=str(tiny_llama), device="cpu", dtype="float32"), lambda message, fraction: None)


def prompt_for(code: str) -> str:
    return f"Before it stands:\n```python\n{CODE}```\nThe code to change:\n```python\n{code}```\nDo it.\n```python\n"


def passes(prompt: list[int], answer: list[int], drafter: Any) -> int:
    """Return how many passes a model that means `answer` needs for it."""
    ids, said, count = list(prompt), 0, 0
    while said < len(answer):
        count += 1
        draft = drafter.propose(ids, len(answer) - said - 1) if said else []
        right = next((n for n, token in enumerate(draft) if token != answer[said + n]), len(draft))
        ids += answer[said : said + right + 1]
        said += right + 1
        if draft:
            drafter.observe(len(ids), len(draft), right)
    assert ids == prompt + answer
    return count


@pytest.mark.parametrize("change", list(REWRITES))
def test_a_rewrite_takes_a_fraction_of_its_tokens_in_passes(loaded: LoadedModel, change: str) -> None:
    prompt = loaded.tokenizer.encode(prompt_for(OLD))
    answer = loaded.tokenizer.encode(REWRITES[change])
    count = passes(list(prompt), list(answer), PromptLookup())
    assert len(answer) / count >= LEAST[change]


def test_a_change_that_was_made_once_is_expected_again(loaded: LoadedModel) -> None:
    source = [*range(100, 130), 1, 2, *range(130, 160), 1, 2, *range(160, 190)]
    answer = [*range(100, 130), 7, 8, 9, *range(130, 160), 7, 8, 9, *range(160, 190)]
    lookup, ids = PromptLookup(), [*source, 0, 5, 6]
    ids += answer[:6]
    lookup._copy = Copy(6, len(ids))
    lookup._copy.run, lookup._copy.is_proved = 8, True
    for token in answer[6:60]:
        assert len(lookup.propose(ids, 40)) <= LONGEST_COPY
        ids.append(token)
    assert lookup.propose(ids, 40)[:6] == answer[60:66]


@given(st.lists(st.integers(0, 3), max_size=150), st.integers(1, 40), st.data())
def test_whatever_comes_a_proposal_is_never_longer_than_asked_for(
    text: list[int], limit: int, data: st.DataObject
) -> None:
    lookup = PromptLookup()
    for end in range(0, len(text) + 1, 3):
        draft = lookup.propose(text[:end], limit)
        assert len(draft) <= min(limit, LONGEST_COPY)
        if draft:
            lookup.observe(end, len(draft), data.draw(st.integers(0, len(draft))))


def saying(engine: Engine, answer: list[int], num_prompt: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Make the model mean `answer`, whatever it was shown; return the sizes of its passes."""
    sizes: list[int] = []
    forward: Callable[[Any], list[torch.Tensor]] = engine._runner.forward

    def spoken(works: Any) -> list[torch.Tensor]:
        (work,) = works
        results = forward(works)
        sizes.append(len(work.token_ids))
        for row in range(work.num_logits):
            place = len(work.slot.token_ids) - work.num_logits + row + 1 - num_prompt
            if 0 <= place < len(answer):
                results[0][row] = torch.zeros_like(results[0][row]).index_fill_(0, torch.tensor(answer[place]), 1.0)
        return results

    monkeypatch.setattr(engine._runner, "forward", spoken)
    return sizes


@pytest.mark.asyncio
async def test_the_engine_writes_a_rewrite_in_few_passes_and_to_the_letter(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, wanted = CODE, CODE.replace("_items", "_content")
    prompt = f"```python\n{code}```\n```python\n"
    counts = {}
    for name, drafter in (("alone", lambda: None), ("lookup", PromptLookup)):
        engine = Engine(loaded, num_slots=1, drafter=drafter)
        answer = list(loaded.tokenizer.encode(wanted))
        sizes = saying(engine, answer, len(loaded.tokenizer.encode(prompt)), monkeypatch)
        request = GenerationRequest(prompt, len(answer), (), temperature=0.0, priority=Priority.ACTION)
        async with aclosing(engine.generate(request)) as chunks:
            text = "".join([chunk.text async for chunk in chunks])
        engine.close()
        assert text == wanted
        counts[name] = len(sizes)
    assert counts["lookup"] * 5 <= counts["alone"]
