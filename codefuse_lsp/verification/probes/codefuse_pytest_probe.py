"""A plugin of pytest's that tells how each test ended, at once, so that a run which is killed has told all but one.

Loaded by the pytest of a workspace, so it knows only that and the standard library of Python 3.8 and later. Input:
variables of the environment that begin with CODEFUSE_. Output: lines of JSON behind a mark, on the stdout that pytest
does not capture; with CODEFUSE_MEASURED, and coverage.py at hand, also which test runs which lines of that file. A test
that takes longer than CODEFUSE_SECONDS ends the process, which need not wait for the end of its time, and so does one
that changes a file of CODEFUSE_WATCHED, since the others would run in what it has left.
"""

from __future__ import annotations

import faulthandler
import json
import os
from collections.abc import Generator
from typing import Any

import pytest

MOST_REPR_CHARS = 400
RANK = ("skipped", "passed", "failed", "error")

_out = os.dup(1)
_mark = os.environ.pop("CODEFUSE_MARK", "")
_only: set[str] | None = set(json.loads(os.environ["CODEFUSE_ONLY"])) if "CODEFUSE_ONLY" in os.environ else None
_test_file = os.path.realpath(os.environ.pop("CODEFUSE_TESTS", ""))
_source = os.path.realpath(os.environ.pop("CODEFUSE_SOURCE", ""))
_seconds = float(os.environ.pop("CODEFUSE_SECONDS", "0"))
_watched: list[str] = json.loads(os.environ.pop("CODEFUSE_WATCHED", "[]"))
_endings: dict[str, str] = {}
_details: dict[str, Any] = {}
_sides: list[tuple[str, str]] = []
_stamps: list[Any] = []


def _started() -> Any:
    """Return the measuring of lines that has begun, None without."""
    measured = os.environ.pop("CODEFUSE_MEASURED", "")
    if not measured:
        return None
    os.environ["COVERAGE_CORE"] = "ctrace"  # which knows contexts
    try:
        import coverage

        found = coverage.Coverage(data_file=None, include=[measured], config_file=False)
        found.start()
    except Exception:
        return None
    return found


_coverage = _started()


def _tell(**event: Any) -> None:
    os.write(_out, f"\n{_mark}{json.dumps(event)}\n".encode())


def _name(nodeid: str) -> str:
    return nodeid.partition("::")[2].partition("[")[0]


def pytest_configure() -> None:
    """Tell that pytest can be started at all."""
    _stamps.extend(map(_stamp, _watched))
    _tell(event="ready")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep only the tests that are asked for."""
    if _only is not None:
        config.hook.pytest_deselected(items=[item for item in items if _name(item.nodeid) not in _only])
        items[:] = [item for item in items if _name(item.nodeid) in _only]


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Tell why a file cannot be imported."""
    if report.failed:
        _tell(event="trouble", message=report.longreprtext)


def pytest_runtest_logstart(nodeid: str) -> None:
    """Tell which test begins."""
    _endings[nodeid] = "skipped"
    _details.pop(nodeid, None)
    del _sides[:]
    if _coverage is not None:
        _coverage.switch_context(_name(nodeid))
    _tell(event="start", test=_name(nodeid))
    if _seconds:
        faulthandler.dump_traceback_later(_seconds, exit=True, file=_out)


def pytest_assertrepr_compare(op: str, left: object, right: object) -> None:
    """Remember what was compared in vain; what is said of it is pytest's to say."""
    _sides.append((_shown(left), _shown(right)))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    """Find out where a test failed."""
    report = (yield).get_result()
    if call.excinfo is None or not report.failed:
        return
    frames = [(os.path.realpath(entry.path), entry.lineno) for entry in call.excinfo.traceback]
    rows = [row for path, row in frames if path == _test_file]
    asserts = isinstance(call.excinfo.value, (AssertionError, pytest.fail.Exception))
    own = report.when == "call" and asserts and not any(path == _source for path, _ in frames)
    in_code = report.when == "call" and bool(frames) and frames[-1][0] != _test_file and bool(rows)
    _details[item.nodeid] = {
        "ending": "failed" if own else "error",
        "message": report.longreprtext,
        "row": rows[-1] if rows else None,
        "sides": _sides[-1] if own and _sides else ("", ""),
        "raised": _last_line(call) if in_code and any(path == _source for path, _ in frames) else "",
    }


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Take in how a part of a test went, and tell it all when the last one is over."""
    known = _endings.get(report.nodeid, "skipped")
    ending = report.outcome
    if ending == "failed":
        detail = _details.setdefault(report.nodeid, {"ending": "error", "message": report.longreprtext})
        ending = detail["ending"]
    elif ending == "passed" and report.when != "call":
        ending = "skipped"
    _endings[report.nodeid] = max(known, ending, key=RANK.index)
    if report.when == "teardown":
        faulthandler.cancel_dump_traceback_later()
        if _coverage is not None:
            _coverage.switch_context("")
        if [_stamp(path) for path in _watched] != _stamps:
            _tell(event="damage", test=_name(report.nodeid))
            os._exit(1)
        _tell(**{**_details.get(report.nodeid, {}), "event": "end", "test": _name(report.nodeid),
                 "ending": _endings[report.nodeid]})  # fmt: skip


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """Tell which lines ran."""
    if _coverage is None:
        return
    try:
        _coverage.stop()
        lines = _coverage.analysis2(_source)[1]
        by_line = _coverage.get_data().contexts_by_lineno(_source)
    except Exception:
        return
    contexts = sorted({context for found in by_line.values() for context in found})
    tests = {one: sorted(line for line, found in by_line.items() if one in found) for one in contexts}
    _tell(event="coverage", lines=lines, tests=tests)


def _stamp(path: str) -> Any:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _last_line(call: pytest.CallInfo[None]) -> str:
    assert call.excinfo is not None
    return call.excinfo.exconly().strip().splitlines()[-1][:MOST_REPR_CHARS]


def _shown(value: object) -> str:
    try:
        return repr(value)[:MOST_REPR_CHARS]
    except Exception as error:
        return f"<no repr: {type(error).__name__}>"
