"""The rounds from what a model wrote to what is offered, with runs that are scripted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.verification.claims import Claim
from codefuse_lsp.verification.drafts import Draft, Failure, Verdict
from codefuse_lsp.verification.reports import Coverage, Ending, Report, TestResult
from codefuse_lsp.verification.verifying import MOST_QUESTIONS, MOST_SPOILERS, verified

ENDINGS: tuple[Ending, ...] = ("passed", "skipped", "failed", "error", "timed_out", "killed", "damage")


def test_of(name: str, body: str = "assert f(1) == 2") -> str:
    return f"def {name}():\n    {body}\n"


test_of.__test__ = False  # type: ignore[attr-defined]


@dataclass
class Bench:
    """Runs by a rule for each test's code; and a model that says what it is told to."""

    rule: Callable[[str, str], TestResult]  # a test's name and code -> how it ends
    mended: Callable[[Failure], str] = lambda failure: ""
    expected: str = "something else"
    runs: list[tuple[str, ...]] = field(default_factory=list)
    told: list[Failure] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    coverage: Coverage | None = None

    async def run(self, text: str, names: Sequence[str] | None, *, measured: bool = False) -> Report:
        draft = Draft("", text, "python")
        wanted = [case.name for case in draft.cases()] if names is None else list(names)
        self.runs.append(tuple(wanted))
        results: dict[str, TestResult] = {}
        for name in wanted:
            first = next(case.first for case in draft.cases() if case.name == name)
            result = self.rule(name, draft.code(name))
            if result.row is not None:
                result = TestResult(
                    name, result.ending, result.message, first + result.row, result.sides, result.raised
                )
            if result.ending in ("timed_out", "killed"):
                ended = "time" if result.ending == "timed_out" else "memory"
                return Report(results, running=name, ended_by=ended)
            if result.ending == "damage":
                return Report({**results, name: result}, ended_by="damage")
            results[name] = result
        return Report(results, coverage=self.coverage if measured else None)

    async def mend(self, tests: str, failures: Sequence[Failure], trouble: str) -> str:
        self.told += failures
        self.troubles.append(trouble)
        return "\n\n".join(filter(None, map(self.mended, failures)))

    async def expect(self, masked: str, claim: Claim) -> str:
        self.asked.append(masked)
        return self.expected

    async def verdict(self, text: str, rounds: int = 2, existing: str = "") -> Verdict:
        return await verified(Draft(existing, text, "python"), self.run, self.mend, self.expect, rounds)


def passes(name: str, code: str) -> TestResult:
    return TestResult(name, "passed")


async def test_tests_that_pass_stay_as_they_are() -> None:
    text = "import x\n\n\n" + test_of("test_a") + "\n\n" + test_of("test_b")
    bench = Bench(passes, coverage=Coverage(frozenset({1, 2}), frozenset({1}), by_test={"test_a": frozenset({1})}))
    verdict = await bench.verdict(text)
    assert (verdict.added, verdict.passed, verdict.dropped) == (text, ("test_a", "test_b"), ())
    assert verdict.rounds == 0 and bench.told == [] and len(bench.runs) == 2
    assert str(verdict.coverage) == "1 of 2 lines run, 1 of them by these tests alone"


async def test_what_errs_is_sent_back_with_its_failure_and_only_it_runs_again() -> None:
    def rule(name: str, code: str) -> TestResult:
        return TestResult(name, "passed" if "good" in code or name == "test_a" else "error", "NameError: g")

    bench = Bench(rule, mended=lambda failure: test_of(failure.name, "good"))
    verdict = await bench.verdict(test_of("test_a") + "\n\n" + test_of("test_b"))
    assert verdict.passed == ("test_a", "test_b") and verdict.rounds == 1 and "good" in verdict.added
    assert [(failure.name, failure.told) for failure in bench.told] == [("test_b", "NameError: g")]
    assert bench.runs[1] == ("test_b",)


@pytest.mark.parametrize("rounds", [0, 1, 3])
async def test_there_are_no_more_rounds_than_allowed(rounds: int) -> None:
    numbers = iter(range(100))
    bench = Bench(
        lambda name, code: TestResult(name, "error", "E   NameError: g"),
        mended=lambda failure: test_of(failure.name, f"still_wrong({next(numbers)})"),
    )
    verdict = await bench.verdict(test_of("test_a"), rounds)
    assert verdict.rounds == len(bench.told) == rounds and verdict.added == ""
    assert [dropped.reason for dropped in verdict.dropped] == ["it cannot be run (NameError: g)"]


async def test_a_model_that_mends_nothing_is_not_asked_again() -> None:
    bench = Bench(lambda name, code: TestResult(name, "error", "x"), mended=lambda failure: failure.code)
    verdict = await bench.verdict(test_of("test_a"), 5)
    assert len(bench.told) == 1 and verdict.added == ""


async def test_what_hangs_or_harms_is_dropped_at_once_and_the_others_get_their_run() -> None:
    ends: dict[str, Ending] = {"test_a": "timed_out", "test_b": "passed", "test_c": "killed", "test_d": "damage"}
    bench = Bench(lambda name, code: TestResult(name, ends.get(name, "passed"), "area.py"))
    verdict = await bench.verdict("\n\n".join(map(test_of, [*ends, "test_e"])))
    assert verdict.passed == ("test_b", "test_e") and bench.told == []
    assert {dropped.name: dropped.reason for dropped in verdict.dropped} == {
        "test_a": "it did not end in time",
        "test_c": "it had to be ended (memory)",
        "test_d": "it changes or deletes what is not its own: area.py",
    }


async def test_where_nobody_knows_which_one_spoils_the_run_each_runs_alone() -> None:
    async def run(text: str, names: Sequence[str] | None, *, measured: bool = False) -> Report:
        wanted = names or ["test_a", "test_c"]
        if "test_b" in wanted:
            return Report(ended_by="memory")
        return Report({name: TestResult(name, "passed") for name in wanted})

    text = "\n\n".join(map(test_of, ["test_a", "test_b", "test_c"]))
    bench = Bench(passes)
    verdict = await verified(Draft("", text, "python"), run, bench.mend, bench.expect, 2)
    assert verdict.passed == ("test_a", "test_c") and [dropped.name for dropped in verdict.dropped] == ["test_b"]


async def test_a_file_that_hangs_before_its_first_test_is_not_tried_test_by_test() -> None:
    runs = 0

    async def run(text: str, names: Sequence[str] | None, *, measured: bool = False) -> Report:
        nonlocal runs
        runs += 1
        return Report(ended_by="time", began=False)

    bench = Bench(passes)
    text = "\n\n".join(map(test_of, ["test_a", "test_b"]))
    verdict = await verified(Draft("", text, "python"), run, bench.mend, bench.expect, 2)
    assert runs == 1 and verdict.added == "" and len(verdict.dropped) == 2


async def test_so_many_runs_are_not_given_that_it_never_ends() -> None:
    bench = Bench(lambda name, code: TestResult(name, "timed_out"))
    verdict = await bench.verdict("\n\n".join(test_of(f"test_{n}") for n in range(40)), rounds=0)
    assert len(bench.runs) == MOST_SPOILERS and len(verdict.dropped) == 40
    assert "too many others" in verdict.dropped[-1].reason


async def test_what_somebody_expects_who_has_not_seen_it_is_likely_to_be_a_bug() -> None:
    def rule(name: str, code: str) -> TestResult:
        return TestResult(name, "failed", "assert 3 == 2", 2, ("3", "2")) if name == "test_a" else passes(name, code)

    test = "def test_a():\n    x = 1\n    assert f(x) == 2\n"
    bench = Bench(rule, expected="2")
    verdict = await bench.verdict(test + "\n\n" + test_of("test_b"))
    (bug,) = verdict.bugs
    assert (bug.name, bug.assertion, bug.expected, bug.actual) == ("test_a", "assert f(x) == 2", "2", "3")
    assert bench.asked == ["x = 1\nassert f(x) == ____\n"] and bench.told == []
    assert verdict.passed == ("test_b",) and "test_a" not in verdict.added


async def test_an_exception_out_of_the_code_may_be_a_bug_too_and_one_that_does_not_come() -> None:
    def rule(name: str, code: str) -> TestResult:
        if name == "test_a":
            return TestResult(name, "error", "", 1, raised="IndexError: list index out of range")
        return TestResult(name, "failed", "DID NOT RAISE", 1)

    text = test_of("test_a") + "\n\n" + test_of("test_b", "with pytest.raises(ValueError):\n        f(1)")
    assert [bug.actual for bug in (await Bench(rule, expected="2").verdict(text)).bugs] == [
        "IndexError: list index out of range"
    ]
    assert [bug.actual for bug in (await Bench(rule, expected="ValueError").verdict(text)).bugs] == ["no exception"]


async def test_where_the_expectation_is_not_shared_the_test_is_mended_and_not_told_what_the_code_gives() -> None:
    def rule(name: str, code: str) -> TestResult:
        return (
            passes(name, code) if "== 1" in code else TestResult(name, "failed", "assert 1234 == 2", 1, ("1234", "2"))
        )

    bench = Bench(rule, mended=lambda failure: test_of(failure.name, "assert f(1) == 1"), expected="1")
    verdict = await bench.verdict(test_of("test_a"))
    assert verdict.passed == ("test_a",) and verdict.bugs == ()
    assert [failure.told for failure in bench.told] == ["this does not hold: assert f(1) == 2"]
    assert all("1234" not in failure.told for failure in bench.told)


async def test_there_are_only_so_many_questions() -> None:
    bench = Bench(lambda name, code: TestResult(name, "failed", "", 1))
    await bench.verdict("\n\n".join(test_of(f"test_{n}") for n in range(9)))
    assert len(bench.asked) == MOST_QUESTIONS


async def test_a_file_that_cannot_be_read_is_written_anew_as_a_whole() -> None:
    async def run(text: str, names: Sequence[str] | None, *, measured: bool = False) -> Report:
        if "import wrong" in text:
            return Report(trouble="ModuleNotFoundError: wrong")
        return Report({name: TestResult(name, "passed") for name in names or ["test_a"]})

    async def mend(tests: str, failures: Sequence[Failure], trouble: str) -> str:
        assert (list(failures), trouble) == ([], "ModuleNotFoundError: wrong")
        return "import right\n\n\n" + test_of("test_a")

    text = "import wrong\n\n\n" + test_of("test_a") + "\n\n" + test_of("test_b")
    verdict = await verified(Draft("", text, "python"), run, mend, Bench(passes).expect, 1)
    assert verdict.added == "import right\n\n\n" + test_of("test_a")
    assert [dropped.reason for dropped in verdict.dropped] == ["it could not be run, nor written anew"]


async def test_tests_that_are_there_already_are_not_touched() -> None:
    existing = "import x\n\n\n" + test_of("test_old", "assert wrong")
    bench = Bench(lambda name, code: TestResult(name, "passed" if name == "test_b" else "error", "x"))
    verdict = await bench.verdict("\n\n" + test_of("test_a") + "\n\n" + test_of("test_b"), existing=existing)
    assert verdict.added == "\n\n" + test_of("test_b") and verdict.passed == ("test_b",)
    assert bench.runs[0] == ("test_a", "test_b")


async def test_a_test_that_fails_when_all_run_together_is_dropped() -> None:
    count = 0

    def rule(name: str, code: str) -> TestResult:
        nonlocal count
        count += name == "test_a"
        return TestResult(name, "passed" if name == "test_b" or count == 1 else "failed", "", None, ("1", "2"))

    verdict = await Bench(rule).verdict(test_of("test_a") + "\n\n" + test_of("test_b"))
    assert verdict.passed == ("test_b",)
    assert [dropped.reason for dropped in verdict.dropped] == ["it fails (1 against 2)"]


async def test_a_test_that_skips_itself_is_offered_and_not_called_passed() -> None:
    verdict = await Bench(lambda name, code: TestResult(name, "skipped")).verdict(test_of("test_a"))
    assert (verdict.passed, verdict.skipped) == ((), ("test_a",)) and verdict.added


async def test_a_test_that_is_mended_to_skip_itself_is_not_offered() -> None:
    def rule(name: str, code: str) -> TestResult:
        return TestResult(name, "skipped" if "skip" in code else "error", "x")

    bench = Bench(rule, mended=lambda failure: test_of(failure.name, "pytest.skip()"))
    verdict = await bench.verdict(test_of("test_a"))
    assert verdict.added == "" and "skip itself" in verdict.dropped[0].reason


async def test_who_mends_is_not_shown_the_tests_that_work() -> None:
    seen = []

    async def mend(tests: str, failures: Sequence[Failure], trouble: str) -> str:
        seen.append(tests)
        return ""

    bench = Bench(lambda name, code: TestResult(name, "passed" if name == "test_a" else "error", "x"))
    text = "import y\n\n\n" + test_of("test_a") + "\n\n" + test_of("test_b", "y.z()")
    await verified(Draft("", text, "python"), bench.run, mend, bench.expect, 1)
    assert seen == ["import y\n\n\n" + test_of("test_b", "y.z()")]


@given(st.lists(st.sampled_from(ENDINGS), min_size=1, max_size=7), st.booleans(), st.integers(0, 2))
def test_every_test_is_offered_or_dropped_with_a_reason(endings: list[Ending], mends: bool, rounds: int) -> None:
    ends = {f"test_{n}": ending for n, ending in enumerate(endings)}

    def rule(name: str, code: str) -> TestResult:
        return passes(name, code) if "good" in code else TestResult(name, ends[name], "why")

    bench = Bench(rule, mended=lambda failure: test_of(failure.name, "good") if mends else "")
    verdict = asyncio.run(bench.verdict("\n\n".join(map(test_of, ends)), rounds))
    offered, dropped = {*verdict.passed, *verdict.skipped}, {one.name for one in verdict.dropped}
    assert offered | dropped == set(ends) and not offered & dropped
    assert {case.name for case in Draft("", verdict.added, "python").cases()} == offered
    assert all(one.reason and one.code for one in verdict.dropped)
    assert not {name for name in offered if ends[name] in ("timed_out", "killed", "damage")}
