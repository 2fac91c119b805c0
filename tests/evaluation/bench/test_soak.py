from __future__ import annotations

import random
from pathlib import Path

import pytest

from codefuse_lsp.config import Settings
from codefuse_lsp.evaluation.bench.raw_http import BAD, bad_body, ends_of
from codefuse_lsp.evaluation.bench.soak import MANNERS, soak
from codefuse_lsp.generation import launcher

TEXT = 'data: {"choices":[{"text":"a","finish_reason":null}]}\n\n'
END = 'data: {"choices":[{"text":"","finish_reason":"stop"}]}\n\n'
ERROR = 'data: {"error":{"message":"No."}}\n\n'
DONE = "data: [DONE]\n\n"


async def test_a_worker_stays_whole_under_clients_of_every_manner(worker_home: Path, tiny_llama: Path) -> None:
    settings = Settings(model=str(tiny_llama), device="cpu", dtype="float32", kv_slots=4)
    client = await launcher.connect(settings, lambda message, fraction: None)
    try:
        figures = await soak(client.address, minutes=1 / 3, clients=16, seed=3)
    finally:
        await client.close()
    assert figures["wrong_ends"] == 0, figures["wrong"]
    assert figures["stuck"] == 0
    assert set(figures["requests"]) == {manner.__name__ for manner, _ in MANNERS}
    assert sum(figures["requests"].values()) == sum(figures["ends"].values())
    assert figures["ends"]["finished"] > 0 and figures["ends"]["refused"] > 0
    assert figures["memory"]["early_mib"] > 0 and figures["memory"]["late_mib"] > 0


@pytest.mark.parametrize(
    ("stream", "ends"),
    [
        (TEXT + END + DONE, 1),
        (TEXT + ERROR, 1),
        (TEXT + ERROR + DONE, 1),
        (TEXT + DONE, 0),
        (TEXT, 0),
        (TEXT + END, 0),
        (TEXT + END + END + DONE, 2),
        (TEXT + END + ERROR, 2),
    ],
)
def test_the_ends_of_a_stream_are_counted(stream: str, ends: int) -> None:
    assert ends_of(stream) == ends


def test_a_bad_body_differs_in_one_field() -> None:
    body = {"prompt": "x", "stream": True}
    seen = set()
    for seed in range(300):
        name, bad = bad_body(body, random.Random(seed))
        assert [key for key, value in bad.items() if body.get(key, ...) is not value] == [name]
        seen.add(name)
    assert seen == {name for name, _ in BAD}
