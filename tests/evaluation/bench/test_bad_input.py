from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from codefuse_lsp.evaluation.bench import bad_input
from codefuse_lsp.evaluation.bench.bad_input import BadDocument, neighbours
from codefuse_lsp.evaluation.editor import Editor

BAD = BadDocument("python", "x = 1\n", 0, 0)


class Paper:
    """An editor at whose server each status takes the next of these seconds, and then none, by a clock of its own."""

    def __init__(self, *seconds: float) -> None:
        self.now, self._left = 0.0, list(seconds)

    def open(self, uri: str, language: str, text: str) -> None:
        pass

    def notify(self, method: str, params: Any) -> None:
        pass

    def ask(self, method: str, params: Any) -> tuple[int, asyncio.Future[Any]]:
        return 1, asyncio.ensure_future(self.request(method, params))

    async def request(self, method: str, params: Any) -> Any:
        self.now += self._left.pop(0) if method == "codefuse/status" and self._left else 0.0


@pytest.mark.parametrize("seconds", [(0.25, 0.0), (0.0, 0.25)])
async def test_who_waits_while_a_document_is_opened_or_looked_at_waits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, seconds: tuple[float, ...]
) -> None:
    paper = Paper(*seconds)
    monkeypatch.setattr(bad_input, "time", SimpleNamespace(perf_counter=lambda: paper.now))
    seen = await neighbours(cast("Editor", paper), tmp_path, BAD, 0)
    assert seen.status == pytest.approx(250)
