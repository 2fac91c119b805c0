"""The way from tests that a model wrote to tests worth offering: run, told of their faults, mended, run again.

Input: a `Draft`, and three questions that may be asked: run this, mend this, what would you expect here? Output: a
`Verdict`. Knows no runner, no prompt and no editor.

Three rules. A test that hangs, bombs or harms is dropped at once, and the others get their run. What the code gave
where an assertion failed is never told to who mends it, so nothing can be mended into agreement with it. And where
somebody who has seen neither what the test expects nor what the code gives, nor how the code is made, expects the same
as the test, the code is likely to be wrong: that test is taken out and told.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from codefuse_lsp.verification.cases import Case, cases_in, with_tests, without
from codefuse_lsp.verification.claims import Claim, agrees, claim_at
from codefuse_lsp.verification.drafts import Draft, Dropped, Failure, LikelyBug, Verdict
from codefuse_lsp.verification.reports import MOST_VALUE_CHARS, Coverage, Ending, Report, TestResult, brief

MOST_SPOILERS = 8  # runs that may be lost to tests which have to be ended
MOST_QUESTIONS = 4  # about what the code should give, for one text
MOST_CONFIRMATIONS = 3
GONE = ("damage", "timed_out", "killed")
GOOD = ("passed", "skipped")


class Run(Protocol):
    """Runs tests of a text; None are all of them."""

    def __call__(self, text: str, names: Sequence[str] | None, *, measured: bool = False) -> Awaitable[Report]:
        """Return how they ended."""


Mend = Callable[[str, Sequence[Failure], str], Awaitable[str]]  # the text, what fails, what spoils all of it -> code
Expect = Callable[[str, Claim], Awaitable[str]]  # a test with a gap -> what belongs there
Tell = Callable[[str], None]


@dataclass(slots=True)
class _State:
    draft: Draft
    results: dict[str, TestResult] = field(default_factory=dict)
    trouble: str = ""
    dropped: list[Dropped] = field(default_factory=list)
    bugs: list[LikelyBug] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    mended: set[str] = field(default_factory=set)

    def cut(self, names: Iterable[str]) -> None:
        """Take tests out of the draft."""
        gone = set(names)
        if gone:
            draft = self.draft
            whole = without(draft.text, draft.language, gone)
            if whole.startswith(draft.existing):
                self.draft = replace(draft, added=whole[len(draft.existing) :])
            self.results = {name: result for name, result in self.results.items() if name not in gone}

    def drop(self, reasons: Mapping[str, str]) -> None:
        """Take tests out and say why."""
        self.dropped += [Dropped(name, self.draft.code(name), reason) for name, reason in reasons.items()]
        self.cut(reasons)

    def faulty(self) -> list[TestResult]:
        """Return what did not end well."""
        return [result for result in self.results.values() if result.ending not in GOOD]


async def verified(
    draft: Draft, run: Run, mend: Mend, expect: Expect, rounds: int, tell: Tell = lambda message: None
) -> Verdict:
    """Return what of a draft is worth offering, after at most `rounds` rounds of mending.

    Raises what the three questions raise.
    """
    state, done = _State(draft), 0
    await _run_all(state, run, tell)
    while True:
        state.drop({result.name: _why(result) for result in state.faulty() if result.ending in GONE})
        await _find_bugs(state, expect, tell)
        if done == rounds or not (state.faulty() or state.trouble) or not state.draft.cases():
            break
        done += 1
        tell(f"mending {_count(len(state.faulty()) or len(state.draft.cases()))}, round {done}")
        if not await _mended(state, mend):
            break
        await _run_all(state, run, tell)
    state.drop({case.name: _left_over(state, case.name) for case in _not_good(state)})
    coverage = await _confirm(state, run, tell)
    names = [case.name for case in state.draft.cases()]
    skipped = tuple(name for name in names if name in state.results and state.results[name].ending == "skipped")
    passed = tuple(name for name in names if name not in skipped)
    added = state.draft.added if names else ""
    return Verdict(added, passed, tuple(state.dropped), tuple(state.bugs), coverage, done, skipped)


async def _run_all(state: _State, run: Run, tell: Tell) -> None:
    """Run every test that has not passed yet, again without each one that spoils it for the others."""
    state.trouble = ""
    pending = [case.name for case in state.draft.cases() if not _is_good(state, case.name)]
    for _ in range(MOST_SPOILERS):
        if not pending:
            return
        tell(f"running {_count(len(pending))}")
        report = await run(state.draft.text, pending)
        if report.began and (report.changed or (report.ended_by and not _culprit(report, pending))):
            return await _run_each(state, run, pending, tell)
        _take(state, report, pending)
        if not report.ended_by:
            return
        pending = [name for name in pending if name not in state.results]
    for name in pending:
        state.results[name] = TestResult(name, "error", "It was not run, since too many others had to be ended.")


async def _run_each(state: _State, run: Run, names: Sequence[str], tell: Tell) -> None:
    """Run tests one by one, where one of them spoils the run and it is not known which."""
    for number, name in enumerate(names, 1):
        tell(f"running test {number} of {len(names)} alone")
        report = await run(state.draft.text, [name])
        _take(state, report, [name])
        if report.changed:
            what = ", ".join(report.changed[:3]) + (", …" if len(report.changed) > 3 else "")
            state.results[name] = TestResult(name, "damage", what)


def _take(state: _State, report: Report, names: Sequence[str]) -> None:
    """Take in what a run of these tests has told."""
    cases = {case.name: case for case in state.draft.cases()}
    for name in names:
        if name in report.results:
            result = _placed(report.results[name], cases.get(name))
            evades = result.ending == "skipped" and name in state.mended
            state.results[name] = TestResult(name, "error", "it was mended to skip itself") if evades else result
    culprit = _culprit(report, names)
    spoilt = names if not report.began else [culprit] if culprit not in report.results else []
    if report.ended_by:
        ending: Ending = "timed_out" if report.ended_by in ("time", "CPU time") else "killed"
        state.results |= {name: TestResult(name, ending, report.ended_by) for name in spoilt}
    else:
        if report.trouble and not any(name in report.results for name in names):
            state.trouble = report.trouble
        for name in names:
            if name not in state.results:
                state.results[name] = TestResult(name, "error", report.trouble or "It was not found by the runner.")


def _culprit(report: Report, names: Sequence[str]) -> str:
    """Return which of these tests ended the run, '' where that is not known."""
    harmful = next((name for name in names if name in report.results and report.results[name].ending == "damage"), "")
    only = names[0] if len(names) == 1 else ""
    return harmful or (report.running if report.running in names else only)


def _placed(result: TestResult, case: Case | None) -> TestResult:
    """Return a result whose row is told from the beginning of its test, which may move."""
    if result.row is None or case is None or not case.first <= result.row < case.stop:
        return replace(result, row=None)
    return replace(result, row=result.row - case.first)


async def _find_bugs(state: _State, expect: Expect, tell: Tell) -> None:
    """Take out the tests that the code fails although somebody who has not seen them expects the same."""
    for result in state.faulty():
        case = state.draft.code(result.name)
        claim = claim_at(case, result.row, state.draft.language)
        if claim is None or not (result.ending == "failed" or result.raised):
            continue
        if case in state.asked or len(state.asked) == MOST_QUESTIONS:
            continue
        state.asked.add(case)
        tell("asking what the code should give")
        if agrees(claim, await expect(claim.question(case), claim)):
            actual = _actual(result, claim)
            state.bugs.append(LikelyBug(result.name, case, claim.written, claim.expected, actual))
            state.cut([result.name])


def _actual(result: TestResult, claim: Claim) -> str:
    """Return what the code gave where the test expected something else."""
    if result.raised:
        return result.raised
    if claim.asks == "exception":
        return "no exception"
    left, right = result.sides
    given = left if claim.side == "right" else right
    return brief(given, MOST_VALUE_CHARS) or "another value"


async def _mended(state: _State, mend: Mend) -> bool:
    """Have what fails written anew; return whether anything has come of it."""
    draft, faults = state.draft, state.faulty()
    spoilt = bool(state.trouble) and not draft.existing.strip()  # a file that cannot be read is written anew as a whole
    failures = [Failure(fault.name, draft.code(fault.name), _told(fault, draft)) for fault in faults if not spoilt]
    good = {case.name for case in draft.cases() if _is_good(state, case.name)}
    shown = draft.added if spoilt else without(draft.added, draft.language, good)
    answer = await mend(shown, failures, state.trouble)
    if not cases_in(answer, draft.language):
        return False
    if spoilt:
        added = answer
        there = {case.name for case in cases_in(answer, draft.language)}
        lost = [case.name for case in draft.cases() if case.name not in there]
        state.dropped += [Dropped(name, draft.code(name), "it could not be run, nor written anew") for name in lost]
    else:
        added = with_tests(draft.added, draft.language, answer, [fault.name for fault in faults])
    if added.strip() == draft.added.strip():
        return False
    state.mended |= {case.name for case in cases_in(answer, draft.language)}
    state.draft = replace(draft, added=added if added.endswith("\n") else added + "\n")
    for fault in [*faults] if not spoilt else [*state.results.values()]:
        state.results.pop(fault.name, None)
    return True


def _told(fault: TestResult, draft: Draft) -> str:
    """Return what may be told of a failure: of an assertion only that it does not hold, never what the code gave."""
    if fault.ending != "failed" and not fault.raised:
        return fault.message or "it cannot be run"
    lines = draft.code(fault.name).split("\n")
    line = lines[fault.row].strip() if fault.row is not None and fault.row < len(lines) else ""
    what = "an exception comes out of the code" if fault.raised else "this does not hold"
    return f"{what}: {line}" if line else what


async def _confirm(state: _State, run: Run, tell: Tell) -> Coverage | None:
    """Run what is left as it will be offered, with the tests that were there, and drop what fails even then."""
    for _ in range(MOST_CONFIRMATIONS):
        names = [case.name for case in state.draft.cases()]
        if not names:
            return None
        tell("running what is left, for the coverage")
        report = await run(state.draft.text, None, measured=True)
        if all(_is_passed(report, name) for name in names) and not report.changed:
            state.results = {name: report.results[name] for name in names}
            return report.coverage.without(names) if report.coverage is not None else None
        state.results = {}
        await _run_all(state, run, tell)
        failed = {case.name: _left_over(state, case.name) for case in _not_good(state)}
        if not failed:  # it was a test that had been there, or the measuring
            return None
        state.drop(failed)
    state.drop({case.name: "it does not pass every time" for case in state.draft.cases()})
    return None


def _is_passed(report: Report, name: str) -> bool:
    return name in report.results and report.results[name].ending in GOOD


def _is_good(state: _State, name: str) -> bool:
    return name in state.results and state.results[name].ending in GOOD


def _not_good(state: _State) -> list[Case]:
    return [case for case in state.draft.cases() if not _is_good(state, case.name)]


def _left_over(state: _State, name: str) -> str:
    result = state.results.get(name)
    return _why(result) if result is not None else "it was not run"


def _why(result: TestResult) -> str:
    """Return why a test is not offered, as the end of a sentence that begins with its name."""
    if result.ending == "timed_out":
        return "it did not end in time"
    if result.ending == "killed":
        return f"it had to be ended ({result.message})"
    if result.ending == "damage":
        return f"it changes or deletes what is not its own: {result.message}"
    if result.ending == "failed":
        sides = result.sides
        return f"it fails ({brief(sides[0], 80)} against {brief(sides[1], 80)})" if any(sides) else "it fails"
    last = result.message.strip().splitlines()[-1:] or ["no reason was told"]
    return f"it cannot be run ({brief(result.raised or _error_line(result.message) or last[0], 160)})"


def _error_line(message: str) -> str:
    """Return the line of a traceback that names the error, as pytest marks it."""
    lines = [line[1:].strip() for line in message.splitlines() if line.startswith("E ")]
    return lines[-1] if lines else ""


def _count(number: int) -> str:
    return "1 test" if number == 1 else f"{number} tests"
