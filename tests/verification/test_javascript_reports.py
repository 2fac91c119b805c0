"""What jest and vitest print is read as they print it.

tests/golden/reports holds what jest 30.5.2 and vitest 3.2.7 printed on Node.js 20 in a folder `/w` for five tests of a
function `area`, and for the same with an import of a file that is not there (`-broken`).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from codefuse_lsp.verification.reports import Report
from codefuse_lsp.verification.runners import Project
from codefuse_lsp.verification.runners.javascript import JestLike

REPORTS = Path(__file__).parents[1] / "golden" / "reports"


def read(name: str, names: list[str] | None = None, chars: int | None = None) -> Report:
    project = Project(Path("/w"), "area.js", "area.test.js", "javascript", name.partition("-")[0])
    output = (REPORTS / f"{name}.txt").read_text("utf-8")[:chars]
    return JestLike(project, ".", ("node", "program", "area.test.js")).read(output, names, "mark")


@pytest.mark.parametrize(("framework", "head"), [("jest", 0), ("vitest", 1)])
def test_each_test_has_its_ending_its_row_and_what_it_compared(framework: str, head: int) -> None:
    report = read(framework)
    assert not (report.broken or report.trouble or report.running)
    assert [(one.name, one.ending, one.row and one.row - head, one.sides) for one in report.results.values()] == [
        ("area > multiplies", "passed", None, ("", "")),
        ("area > of seven", "failed", 7, ("15", "14")),
        ("area > errs", "error", 10, ("", "")),
        ("area > of less than nothing", "error", 13, ("", "")),
        ("area > of more", "skipped", None, ("", "")),
    ]
    errs, raises = report.results["area > errs"], report.results["area > of less than nothing"]
    assert (errs.message, errs.raised) == ("ReferenceError: nothing is not defined", "")
    assert raises.message == raises.raised == "RangeError: negative"  # which came out of the code under test


@pytest.mark.parametrize("framework", ["jest", "vitest"])
def test_only_the_tests_that_were_asked_for_are_told_of(framework: str) -> None:
    assert list(read(framework, ["area > errs"]).results) == ["area > errs"]


@pytest.mark.parametrize("framework", ["jest", "vitest"])
def test_a_file_of_tests_that_cannot_be_loaded_is_told_with_its_reason(framework: str) -> None:
    report = read(f"{framework}-broken")
    assert not report.results and not report.broken and "Cannot find module './nowhere'" in report.trouble


@pytest.mark.parametrize("framework", ["jest", "vitest"])
def test_a_run_that_was_ended_before_its_report_has_none(framework: str) -> None:
    report = read(framework, chars=200)
    assert report.broken and not report.results
