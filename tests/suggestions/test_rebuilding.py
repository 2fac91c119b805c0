"""What is in the log is enough to make the same suggestion once more."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from codefuse_lsp.config import Settings
from codefuse_lsp.generation.connection import Connection
from codefuse_lsp.suggestions import log
from codefuse_lsp.suggestions.log import RequestLog
from codefuse_lsp.suggestions.outcome import Suggestion
from codefuse_lsp.suggestions.pipeline import Suggester
from codefuse_lsp.suggestions.rebuilding import rebuilt
from codefuse_lsp.suggestions.trace import Trace
from tests.e2e.far_end import FarEnd
from tests.suggestions.test_pipeline import asked_in

SECRET = "hunter2-is-long-enough"


@pytest.mark.parametrize(
    ("said", "drawn", "shown"),
    [
        (" * height)", ["print(width‸)\n"], " * height)"),
        (" * height)", ["print(width‸)\n", "print(width *‸)\n"], " height)"),
        ("f(a, b)", ["x = ‸\n", "x = f(‸)\n"], "a, b)"),  # the editor has closed a bracket since
        ("pass\n\n\ndef g():\n    pass\n", ["def f():\n    ‸\n"], "pass"),
        ("x\r\n    return x", ["def f(x):\r\n    y = ‸\r\n"], "x"),
        (")))", ["print(width‸\n"], ""),  # nothing of it can be shown
        (f" + '{SECRET}'", [f"password = '{SECRET}'\nconnect('a'‸)\n"], " + 'REDACTED"),
    ],
)
async def test_the_same_text_comes_of_the_answer_and_the_place_that_were_kept(
    far_end: FarEnd, tmp_path: Path, said: str, drawn: list[str], shown: str
) -> None:
    far_end.says(said)
    settings = Settings(endpoint=far_end.endpoint, completion_ahead="off", completion_candidates=1)
    connection, trace = Connection(settings), Trace()
    suggester = Suggester(connection, settings, trace, log=RequestLog(tmp_path / "log"))
    await connection.wait()
    for one in drawn:
        outcome = await suggester.suggest(asked_in(one))
    await suggester.close()
    await connection.close()
    kept = log.find(tmp_path / "log", trace.records[-1].id)
    assert kept is not None and kept.given is not None and SECRET not in str(asdict(kept))
    assert kept.shown.startswith(shown) and bool(kept.shown) is isinstance(outcome, Suggestion)
    again = rebuilt(kept.given).outcome
    assert (again.text if isinstance(again, Suggestion) else "") == kept.shown
    assert (again.replaces if isinstance(again, Suggestion) else 0) == getattr(outcome, "replaces", 0)
