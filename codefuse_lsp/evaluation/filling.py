"""Has gaps filled in one way or another, keeps what is shown in them, and counts it.

Gaps in; rows of results and figures out, the same for every evaluation that fills gaps. Knows nothing of where the gaps
are from, nor of how a text is come by.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Any

from codefuse_lsp.evaluation.figures import latencies, percentile
from codefuse_lsp.evaluation.forms import Shown
from codefuse_lsp.evaluation.gaps import Gap
from codefuse_lsp.evaluation.plan import Count, Plan, Report, a_few_at_a_time
from codefuse_lsp.evaluation.results import Results

Row = dict[str, Any]  # what is shown in one gap: the fields of Shown, `form` and `task_id`
# Whether a gap's document has no error with a text in place of so many characters; None where there is no telling.
Parses = Callable[[Gap, str, int], bool | None]


async def ask_all(
    what: str,
    forms: Sequence[str],
    gaps: Sequence[Gap],
    ask: Callable[[str, Gap], Awaitable[Shown]],
    plan: Plan,
    results: Results,
    report: Report,
) -> None:
    """Ask in each form for each gap of which the results say nothing, and keep what is shown there.

    `what` names the forms in the report. With several, the next gap begins with the next form: whatever slows the
    machine down, or speeds one request up after another, falls upon all of them alike.
    """
    there = {(row["form"], row["task_id"]) for row in results.of_kind("shown")}
    turns = [[forms[(number + turn) % len(forms)] for turn in range(len(forms))] for number in range(len(gaps))]
    missing = [
        (gap, left)
        for gap, turn in zip(gaps, turns, strict=True)
        if (left := [form for form in turn if (form, gap.id) not in there])
    ]
    total = len(gaps) * len(forms)
    count = Count(report, what, total, total - sum(len(left) for _, left in missing))

    async def work(item: tuple[Gap, list[str]]) -> None:
        gap, left = item
        for form in left:
            shown = await ask(form, gap)
            results.add({"kind": "shown", "form": form, "task_id": gap.id} | asdict(shown))
            count.add()

    await a_few_at_a_time(missing, plan.jobs, work)


def rows_of(form: str, gaps: Sequence[Gap], results: Results) -> list[Row]:
    """Return what is shown in each gap in one form."""
    of_id = {row["task_id"]: row for row in results.of_kind("shown") if row["form"] == form}
    return [of_id[gap.id] for gap in gaps]


def counted(gaps: Sequence[Gap], rows: Sequence[Row], parses: Parses) -> dict[str, Any]:
    """Return the counts of one form."""
    return {
        "total": len(rows),
        "exact_match": sum(gap.is_exact(row["text"]) for gap, row in zip(gaps, rows, strict=True)),
        "parse_ok": sum(parses(gap, row["text"], row["replaces"]) is True for gap, row in _shown(gaps, rows)),
        "silent": sum(not row["text"] for row in rows),
        "p50_ms": percentile([row["ms"] for row in rows], 50),
    }


def flaws(gaps: Sequence[Gap], rows: Sequence[Row], parses: Parses) -> dict[str, Any]:
    """Return what must not be, why there was silence, and how long it took.

    A syntax error is new where the document has none with nothing in the gap.
    """
    shown = _shown(gaps, rows)
    return {
        "silence_rate": 1 - len(shown) / len(rows),
        "duplicate_suffix": sum(gap.repeats_what_follows(row["text"], row["replaces"]) for gap, row in shown),
        "new_syntax_errors": sum(
            parses(gap, row["text"], row["replaces"]) is False and parses(gap, "", 0) is True for gap, row in shown
        ),
        "silences": dict(Counter(row["silence"] for row in rows if not row["text"]).most_common()),
        "latency_ms": latencies([row["ms"] for row in rows]),
    }


def _shown(gaps: Sequence[Gap], rows: Sequence[Row]) -> list[tuple[Gap, Row]]:
    return [(gap, row) for gap, row in zip(gaps, rows, strict=True) if row["text"]]
