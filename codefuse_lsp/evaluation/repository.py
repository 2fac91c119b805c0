"""How good ghost text is on a user's own code, and which settings suit it on this machine.

A repository and settings in, one object of figures out. Lines and bodies of functions are masked, and asked for as an
editor asks: the masked file is the open document, and the rest of the repository is on the disk. Nothing of it is run;
in place of tests there is the edit similarity of RepoBench and CrossCodeEval (`gaps.edit_similarity`). Nobody has
edited or looked at anything before: what an editor would know of that, no place has.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, replace
from typing import Any

from codefuse_lsp import config
from codefuse_lsp.config import Settings
from codefuse_lsp.context.secrets import machine_key
from codefuse_lsp.context.syntax import parses
from codefuse_lsp.evaluation.concealing import WatchedSurroundings, revealed
from codefuse_lsp.evaluation.figures import ratio_of_counts
from codefuse_lsp.evaluation.filling import Parses, Row, ask_all, counted, flaws, rows_of
from codefuse_lsp.evaluation.forms import RAW, SHIPPED, Asker, Shown, measured_with
from codefuse_lsp.evaluation.gaps import Gap
from codefuse_lsp.evaluation.plan import Plan, Report, told
from codefuse_lsp.evaluation.recommending import recommended
from codefuse_lsp.evaluation.recorded import RecordedConnection
from codefuse_lsp.evaluation.results import Results, default_path
from codefuse_lsp.evaluation.source_files import Sources
from codefuse_lsp.evaluation.trials import (
    CONFIDENCE,
    CONTEXT,
    ONE_ANSWER,
    Trial,
    as_json,
    compared,
    figures_of,
    score_of,
    trials_of,
)
from codefuse_lsp.generation.request import ModelCard
from codefuse_lsp.suggestions.pipeline import LEAST_SAMPLE_CHARS

DECIDE = ("completion", "ignore", "languages_off", "context_length")  # beginnings of the settings that matter
SAMPLE_CHARS = 8192  # of the code that the length of tokens is learnt from

Ask = Callable[[str, Gap], Awaitable[Shown]]


async def repository(
    sources: Sources,
    gaps: Sequence[Gap],
    forms: Sequence[str],
    settings: Settings,
    plan: Plan,
    connection: RecordedConnection,
    report: Report,
) -> dict[str, Any]:
    """Return the figures of each form in these gaps, and what other settings would change.

    Raises CodeFuseError, with what was found kept in the file.
    """
    card = (await connection.wait()).card
    measured = measured_with(settings, card)
    chosen = {name: getattr(measured, name) for name in config.names() if name.startswith(DECIDE)}
    depends_on = told(plan, sources.digest, settings, card, **chosen)
    tried = [trial for name in (CONTEXT, CONFIDENCE) for trial in trials_of(settings, card, name)]
    tried = tried if SHIPPED in forms else []
    one_answer = SHIPPED if measured.completion_candidates == 1 else ONE_ANSWER.form
    desk = Desk(sources, gaps, connection, card)
    with Results(plan.results or default_path("repo", depends_on), depends_on, fresh=plan.fresh) as results:
        for what, settings_of, replays in _rounds(forms, settings, tried, one_answer):
            connection.replays = replays
            await _ask_with(what, settings_of, desk, plan, results, report)
        found = _figures(forms, gaps, results) | _recommendations(tried, one_answer, gaps, settings, results)
        kept = {"results": str(results.path), "settings": depends_on | {"jobs": plan.jobs}}
    return found | {"files": len(sources.files), "left_out": sources.left_out} | kept


def _rounds(
    forms: Sequence[str], settings: Settings, tried: Sequence[Trial], one_answer: str
) -> Iterator[tuple[str, dict[str, Settings], bool]]:
    """Yield what is asked together: a name for all of it, form -> settings, and whether answers may be replayed.

    The raw forms go one after the other, so that none finds its prompt read by another; then the whole way with what
    changes its prompts, side by side since their times are compared; then the one answer without choosing, where that
    is not what is shown anyway; last, what only changes what becomes of it.
    """
    for form in forms:
        if form != SHIPPED:
            yield form, {form: settings}, False
    if SHIPPED in forms:
        asked = {trial.form: trial.settings(settings) for trial in tried if trial.setting == CONTEXT}
        yield f"{SHIPPED}, with {1 + len(asked)} sizes of context", {SHIPPED: settings} | asked, False
        if one_answer != SHIPPED:
            yield one_answer, {one_answer: ONE_ANSWER.settings(settings)}, False
    for trial in tried:
        if trial.setting != CONTEXT:
            yield trial.form, {trial.form: trial.settings(settings)}, True


class Desk:
    """Where a repository is opened, each time as by an editor that has just started."""

    def __init__(
        self,
        sources: Sources,
        gaps: Sequence[Gap],
        connection: RecordedConnection,
        card: ModelCard,
    ) -> None:
        self._root = sources.root
        self.gaps = gaps
        self._connection = connection
        self._card = card
        texts = (gap.filled(gap.missing) for gap in gaps)
        self._sample = next((text[:SAMPLE_CHARS] for text in texts if len(text) >= LEAST_SAMPLE_CHARS), "")

    async def ask(self, settings: Settings, stack: AsyncExitStack) -> Ask:
        """Return what asks with these settings, until the stack is closed."""
        key_folder = config.data_dir()
        surroundings = WatchedSurroundings(self._root, settings.ignore, settings.languages_off, key_folder)
        asker = Asker(self._connection, self._card, settings, surroundings)
        stack.push_async_callback(asker.suggester.close)
        await asker.suggester.calibrate(lambda: self._sample)
        budget_chars = asker.suggester.budget_chars  # every run has the same windows

        async def ask(form: str, gap: Gap) -> Shown:
            asked = gap.asked(budget_chars)
            if form not in RAW:
                await asker.suggester.warm_up(asked)  # as when a document is opened: what is near by has been read
                shown = await asker.ask(SHIPPED, asked)
                return replace(shown, text=surroundings.concealed(asked.context.uri, shown.text))
            redacted = surroundings.shown(asked.context, ())  # a raw prompt holds no secret either, nor what is shown
            if redacted.in_secret:
                return Shown("", silence="inside a secret")
            return await asker.ask(form, replace(asked, context=redacted.context))

        return ask


async def _ask_with(
    what: str, settings_of: dict[str, Settings], desk: Desk, plan: Plan, results: Results, report: Report
) -> None:
    """Ask in each form with its settings."""
    async with AsyncExitStack() as stack:
        asks = {form: await desk.ask(settings, stack) for form, settings in settings_of.items()}

        async def ask(form: str, gap: Gap) -> Shown:
            return await asks[form](form, gap)

        await ask_all(what, list(asks), desk.gaps, ask, plan, results, report)


def _rows(form: str, gaps: Sequence[Gap], results: Results) -> list[Row]:
    """Return what is shown in each gap in one form, as the user would see it."""
    key = machine_key(config.data_dir())
    rows = rows_of(form, gaps, results)
    return [row | {"text": revealed(gap, row["text"], key)} for gap, row in zip(gaps, rows, strict=True)]


def _figures(forms: Sequence[str], gaps: Sequence[Gap], results: Results) -> dict[str, Any]:
    parses = _parses_of(gaps)
    rows = {form: _rows(form, gaps, results) for form in forms}
    exact = {form: [gap.is_exact(row["text"]) for gap, row in zip(gaps, rows[form], strict=True)] for form in forms}
    counts = {form: _counted(gaps, rows[form], parses) for form in forms}
    main = SHIPPED if SHIPPED in forms else forms[-1]
    return {
        "evaluation": "repo",
        **counts[main],
        **flaws(gaps, rows[main], parses),
        "form": main,
        "forms": counts,
        "kinds": _apart([gap.kind for gap in gaps], gaps, rows[main], parses),
        "languages": _apart([gap.language for gap in gaps], gaps, rows[main], parses),
        "against": {
            form: {"exact_match": asdict(ratio_of_counts(exact[main], exact[form]))} for form in forms if form != main
        },
    }


def _recommendations(
    tried: Sequence[Trial], one_answer: str, gaps: Sequence[Gap], settings: Settings, results: Results
) -> dict[str, Any]:
    """Return what each other value changes, and for each setting what to do.

    `one_answer` is the form that confidences are compared with, and its figures are told.
    """
    if not tried:
        return {"trials": [], "recommendations": []}
    scores = {
        form: [score_of(gap, row) for gap, row in zip(gaps, _rows(form, gaps, results), strict=True)]
        for form in (SHIPPED, one_answer, *(trial.form for trial in tried))
    }
    base_of = {CONTEXT: scores[SHIPPED], CONFIDENCE: scores[one_answer]}
    found = [compared(trial, scores[trial.form], base_of[trial.setting], scores[SHIPPED]) for trial in tried]
    names = dict.fromkeys(trial.setting for trial in tried)
    return {
        "now": {name: getattr(settings, name) for name in names} | figures_of(scores[SHIPPED], timed=True),
        "one_answer": figures_of(scores[one_answer], timed=True),
        "trials": [as_json(one) for one in found],
        "recommendations": [
            asdict(
                recommended(name, getattr(settings, name), base_of[name], [o for o in found if o.trial.setting == name])
            )
            for name in names
        ],
    }


def _counted(gaps: Sequence[Gap], rows: Sequence[Row], parses: Parses) -> dict[str, Any]:
    alike = [gap.similarity(row["text"]) for gap, row in zip(gaps, rows, strict=True)]
    return counted(gaps, rows, parses) | {"edit_similarity": sum(alike) / len(alike)}


def _apart(names: Sequence[str], gaps: Sequence[Gap], rows: Sequence[Row], parses: Parses) -> dict[str, Any]:
    """Return the counts of each name's gaps."""
    found = {}
    for name in sorted(set(names)):
        own = [(gap, row) for of, gap, row in zip(names, gaps, rows, strict=True) if of == name]
        found[name] = _counted([gap for gap, _ in own], [row for _, row in own], parses)
    return found


def _parses_of(gaps: Sequence[Gap]) -> Parses:
    """Return what tells whether a document parses; of a file that its grammar cannot read as it is, nobody can.

    The body of a Python statement may be left to come, as where ghost text is shown (context/soundness.py).
    """
    can_tell = {gap.id for gap in gaps if parses(gap.filled(gap.missing), gap.language)}

    def tell(gap: Gap, text: str, replaces: int) -> bool | None:
        if gap.id not in can_tell:
            return None
        found = parses(gap.filled(text, replaces), gap.language)
        if found is False and gap.language == "python" and text.endswith(":"):
            return parses(gap.filled(f"{text} pass", replaces), gap.language)
        return found

    return tell
