"""The `typing` suite: what somebody who types gets, what it costs the model, and what each part of it is good for.

Input: settings, and which measures are wanted. Output: the machine and rows, as `--json` prints them. The typing itself
is played in real time with the real server process and the model that the settings name; of a machine whose model is
slower than a person types, the rhythm is slowed until an answer takes no more of it than on a quick one.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from codefuse_lsp import config
from codefuse_lsp.config import Settings
from codefuse_lsp.context.snippets import Document
from codefuse_lsp.errors import CodeFuseError, ConfigError
from codefuse_lsp.evaluation.bench import bad_input, library, overhead
from codefuse_lsp.evaluation.bench import report as reports
from codefuse_lsp.evaluation.bench.desks import EditorDesk, NoCache, NoDebounce, NoTakingOver, SuggesterDesk
from codefuse_lsp.evaluation.bench.figure import Figure, figure, machine
from codefuse_lsp.evaluation.bench.keystrokes import Key, Passage, passage
from codefuse_lsp.evaluation.bench.prefixes import Tally, prompts_of
from codefuse_lsp.evaluation.bench.typist import Session, Typist
from codefuse_lsp.evaluation.editor import Editor, until_ready
from codefuse_lsp.generation.connection import Connection
from codefuse_lsp.suggestions.log import FILE_NAME as LOG_NAME
from codefuse_lsp.suggestions.log import RequestLog
from codefuse_lsp.suggestions.parts import Parts
from codefuse_lsp.suggestions.pipeline import Suggester
from codefuse_lsp.suggestions.surroundings import Surroundings
from codefuse_lsp.suggestions.trace import Trace

SEED = 20_261_127
MODULES = ("argparse", "configparser", "shutil", "statistics", "textwrap")
KEYS_EACH = 64  # of the five files: 320 and a few more, to end where nothing is wrong
QUICK_ANSWER_S = 0.4  # a line of ghost text from a model that keeps up with a person
MAX_PACE = 2.0  # beyond, each of the seven times that the trace is typed would take more than three minutes
TRIES = 3  # answers that the pace is found from

Report = Callable[[str, float | None], None]
Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, and how."""

    settings: Settings
    repeat: int = 5
    only: re.Pattern[str] | None = None
    passages: tuple[Passage, ...] = ()  # none: those of MODULES
    keys_each: int = KEYS_EACH


async def run(plan: Plan, report: Report) -> dict[str, Any]:
    """Return the machine and the rows; raises ConfigError where nothing is wanted of what there is."""
    measures = _measures(plan)
    wanted = {name: measure for name, measure in measures.items() if plan.only is None or plan.only.search(name)}
    if not wanted:
        raise ConfigError(f"--only {plan.only and plan.only.pattern} matches none of: {', '.join(measures)}.")
    rows: Rows = []
    before = machine()
    with TemporaryDirectory() as folder:
        stand = Stand(plan, Path(os.path.realpath(folder)), report)
        for number, (name, measure) in enumerate(wanted.items()):
            report(f"Measuring: {name}", number / len(wanted))
            try:
                rows += await measure(stand)
            except CodeFuseError as error:
                rows.append({"suite": "typing", "measure": name, "unit": "", **reports.EMPTY_ROW}
                            | {"ours": None, "status": "failed", "note": str(error)})  # fmt: skip
    return {"suites": ["typing"], "machine": before | {"load_after": machine()["load"]} | stand.described, "rows": rows}


class Stand:
    """What the measures share: a folder for each, the passages, and the pace of this machine."""

    def __init__(self, plan: Plan, root: Path, report: Report) -> None:
        self.plan, self.report = plan, report
        self.passages = plan.passages or tuple(passage(name, library.source(name)) for name in MODULES)
        self.described: dict[str, Any] = {}
        self._root = root
        self._pace: float | None = None
        self._folders = 0

    def folder(self) -> Path:
        """Return a new folder, where nothing of another measure lies near."""
        self._folders += 1
        folder = self._root / str(self._folders)
        folder.mkdir()
        return folder

    async def pace(self, connection: Connection) -> float:
        """Return how many times slower than a person the typist is to be, which is found out once."""
        if self._pace is None:
            ready = await connection.wait()
            answer_s = await _answer_s(connection, self)
            self._pace = round(min(max(1.0, answer_s / QUICK_ANSWER_S), MAX_PACE), 2)
            self.described |= {
                "model": f"{ready.card.id} on {ready.card.device or 'its own machine'}",
                "typing": f"{self._pace:g} times slower than a person, for an answer takes {1e3 * answer_s:.0f} ms",
                "seed": SEED,
            }
        return self._pace


def _measures(plan: Plan) -> dict[str, Callable[[Stand], Awaitable[Rows]]]:
    return {
        "outside the model": _outside,
        "bad input": _bad_input,
        "typing trace": _trace,
        "parts": _parts,
    }


async def _outside(stand: Stand) -> Rows:
    return _rows(await overhead.measure(stand.folder(), stand.plan.repeat))


async def _bad_input(stand: Stand) -> Rows:
    return _rows(await bad_input.measure(stand.folder()))


async def _trace(stand: Stand) -> Rows:
    """Play the whole trace in an editor with the server process."""
    connection = Connection(stand.plan.settings)
    try:
        pace = await stand.pace(connection)
        root, data = stand.folder(), stand.folder()
        editor = await Editor.start(root, _options(stand.plan.settings), {"XDG_DATA_HOME": str(data)})
        try:
            await until_ready(editor)
            play = Typist(EditorDesk(editor, root), pace).play(stand.passages, stand.plan.keys_each, SEED)
            session = await _tallied(connection, play)
        finally:
            await editor.close()
    finally:
        await connection.close()
    session.prompts = prompts_of(data / config.APP / LOG_NAME, session.records)
    return _told(session)


async def _tallied(connection: Connection, play: Coroutine[Any, Any, Session]) -> Session:
    """Return what came of a session, with what the engine has counted meanwhile."""
    client = (await connection.wait()).client
    before = await Tally.of(client)
    session = await play
    if (after := await Tally.of(client)) is not None:
        session.tally = after.since(before)
    return session


def _told(session: Session) -> Rows:
    def one(name: str, unit: str, value: float, target: str = "any") -> Figure:
        return figure(name, unit, [value], target)

    model, cache, running, silent, overtaken = session.counts("model", "cache", "running", "")
    rows = _rows(
        [
            one("keystrokes", "", session.keys),
            one("answered without asking the model anew", "%", session.spared),
            one("prompt tokens that were read before", "%", session.cached, "≥ 90"),
            one(
                "prompt tokens that were read before, but for a file's first request", "%", session.cached_later, "≥ 90"
            ),
            one("requests to the model per kept character", "", session.asked_per_kept),
            one("time to ghost text, p50", "ms", session.ms(50)),
            one("time to ghost text, p95", "ms", session.ms(95)),
        ]
    )
    rows[0]["note"] = (
        f"{session.kept} characters kept; served by the model {model}, a running answer {running}, the cache {cache}; "
        f"nothing asked {silent}; overtaken by the next key {overtaken}; ghost text for {len(session.shown_ms)}, "
        f"which foresaw {session.typed_through} keys that were typed all the same"
    )
    return rows


async def _parts(stand: Stand) -> Rows:
    """Play the trace with everything, and without one part after another."""
    play = _Play(stand)
    whole = await play.session(Parts())
    rows: Rows = []
    for name, parts in (
        ("debounce", Parts(debounce=NoDebounce())),
        ("cache", Parts(cache=NoCache())),
        ("in-flight reuse", Parts(running=NoTakingOver())),
    ):
        rows += _beside(f"without {name}", whole, await play.session(parts))
    with_it = await play.session(Parts(), ahead="on", accepts=True)
    without = await play.session(Parts(), ahead="off", accepts=True)
    return rows + _beside("without speculation, accepting", with_it, without)


class _Play:
    """Plays the same keystrokes at a suggester in this process, a new one each time."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand

    async def session(self, parts: Parts, *, ahead: str = "off", accepts: bool = False) -> Session:
        plan, root, documents = self._stand.plan, self._stand.folder(), list[Document]()
        settings = replace(plan.settings, completion_ahead=ahead)
        connection = Connection(settings)
        surroundings = Surroundings([root], open_documents=lambda: tuple(documents))
        log = self._stand.folder() / LOG_NAME
        suggester = Suggester(connection, settings, Trace(), surroundings, RequestLog(log), parts)
        try:
            pace = await self._stand.pace(connection)
            await connection.wait()
            typist = Typist(SuggesterDesk(suggester, root, documents), pace, accepts)
            play = typist.play(self._stand.passages, plan.keys_each, SEED)
            session = await _tallied(connection, play)
        finally:
            await suggester.close()
            await connection.close()
        session.prompts = prompts_of(log, session.records)
        return session


def _beside(against: str, whole: Session, without: Session) -> Rows:
    """Return the figures of two sessions side by side; the ratio says how many times better the first is."""
    kinds: Sequence[tuple[str, str, Callable[[Session], float], bool]] = (
        ("answered without asking anew", "%", lambda session: session.spared, True),
        ("prompt tokens read before, but for firsts", "%", lambda session: session.cached_later, True),
        ("requests per kept character", "", lambda session: session.asked_per_kept, False),
        ("time to ghost text, p50", "ms", lambda session: session.ms(50), False),
        ("time to ghost text, p95", "ms", lambda session: session.ms(95), False),
    )
    rows = []
    for name, unit, value, more_is_better in kinds:
        ours, theirs = value(whole), value(without)
        upper, lower = (ours, theirs) if more_is_better else (theirs, ours)
        (row,) = _rows([figure(name, unit, [ours], "any")])
        beside = {field: v for field, v in asdict(figure(name, unit, [theirs], "any")).items() if field in row["ours"]}
        rows.append(row | {"against": against, "theirs": beside, "ratio": upper / lower if lower else None})
    return rows


async def _answer_s(connection: Connection, stand: Stand) -> float:
    """Return how long a line of ghost text takes where the prompt was read before, in seconds."""
    root, documents, took = stand.folder(), list[Document](), []
    surroundings = Surroundings([root], open_documents=lambda: tuple(documents))
    suggester = Suggester(connection, stand.plan.settings, Trace(), surroundings, parts=Parts(NoCache(), NoDebounce()))
    try:
        desk = SuggesterDesk(suggester, root, documents)
        first = stand.passages[0]
        await desk.open(first)
        for letter in first.typed[: 1 + TRIES]:
            begun = time.perf_counter()
            await desk.press(Key(0.0, letter))
            took.append(time.perf_counter() - begun)
    finally:
        await suggester.close()
    return sorted(took[1:])[TRIES // 2]


def _options(settings: Settings) -> dict[str, Any]:
    """Return what a user has set, as an editor hands it on."""
    standard: Mapping[str, Any] = asdict(Settings())
    return {name: value for name, value in asdict(settings).items() if value != standard[name]}


def _rows(figures: list[Figure]) -> Rows:
    return reports.rows_of(map(asdict, figures), "typing")
