"""vitest, jest and node:test, as the workspace has them installed.

Input: a `Project`. Output: a runner. vitest and jest tell all at their end, in jest's JSON; node:test by a reporter
(probes/codefuse_node_probe.mjs) as it goes. A test is called by its titles, the outer ones first, with ` > ` between.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from codefuse_lsp.verification.reports import Ending, Report, TestResult, brief, events, merged
from codefuse_lsp.verification.runners.runner import PROBES, NoRunner, Order, Project, Runner

BETWEEN = " > "  # of titles
REPORTER = PROBES / "codefuse_node_probe.mjs"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ENDINGS: dict[str, Ending] = {"passed": "passed", "pending": "skipped", "skipped": "skipped", "todo": "skipped"}
_TOLD: dict[str, Ending] = {"passed": "passed", "skipped": "skipped", "failed": "failed"}
_COMPARED = (  # what stands left and right: jest, then vitest's chai, then node:assert
    re.compile(r"Expected: (?P<right>.*)\n+\s*Received: (?P<left>.*)"),
    re.compile(r"expected (?P<left>.*?) to (?:be|equal|deeply equal|strictly equal) (?P<right>.*?)(?: //.*)?$", re.M),
    re.compile(r"^(?P<left>.*) !== (?P<right>.*)$", re.M),
)


def find(project: Project) -> Runner:
    """Return the framework that the tests are written for, as it is installed; raises NoRunner."""
    node = shutil.which("node")
    if node is None:
        raise NoRunner("Node.js is not installed, so the tests were not run.")
    visible = _visible(Path(node))
    folder = project.up("package.json") or project.root
    start = folder.relative_to(project.root).as_posix()
    test = project.within(folder, project.test)
    if project.framework == "node:test":
        words = ("node", "--test", f"--test-reporter={REPORTER}", test)
        return NodeTest(project, start, words, (*visible, PROBES))
    flags = _FLAGS.get(project.framework)
    if flags is None:
        raise NoRunner(
            f"Tests of {project.framework or 'this framework'} are not run here, only vitest, jest, node:test."
        )
    program = _installed(folder, project.root, project.framework)
    if program is None:
        raise NoRunner(
            f"{project.framework} is not installed in this workspace: npm install --save-dev {project.framework}."
        )
    return JestLike(project, start, ("node", program, *flags, test), visible)


_FLAGS = {
    "vitest": ("run", "--reporter=json", "--no-file-parallelism"),
    "jest": ("--json", "--runInBand", "--testLocationInResults", "--coverage=false"),
}
_SCRIPTS = {"vitest": "vitest/vitest.mjs", "jest": "jest/bin/jest.js"}


def _installed(folder: Path, root: Path, framework: str) -> str | None:
    """Return the program of a framework as it is called from `folder`, found as Node.js finds packages."""
    place = folder
    while True:
        program = place / "node_modules" / _SCRIPTS[framework]
        if program.is_file():
            return os.path.relpath(program, folder)
        if place in (root, place.parent):
            return None
        place = place.parent


def _visible(node: Path) -> tuple[Path, ...]:
    prefix = Path(os.path.realpath(node)).parent.parent
    outside = prefix.is_relative_to("/usr") or Path.home().is_relative_to(prefix)
    return () if outside else (prefix, node.parent)


class NodeTest(Runner):
    """node:test with a reporter of ours, which hears of nothing while a test keeps its process busy."""

    title = "node:test"
    tells_starts = False

    def order(self, names: Sequence[str] | None, mark: str, *, measured: bool = False) -> Order:
        """Return the command with a pattern of titles: older ones know no more."""
        titles = "|".join(re.escape(name.split(BETWEEN)[-1]) for name in names or ())
        pattern = (f"--test-name-pattern=(^|\\s)({titles})$",) if titles else ()
        *words, test = self.command
        return Order((*words, *pattern, test), {"CODEFUSE_MARK": mark, "PATH": _path()})

    def read(self, output: str, names: Sequence[str] | None, mark: str) -> Report:
        """Return what the reporter told."""
        results: dict[str, TestResult] = {}
        running, printed, trouble = "", "", ""
        for event in events(output, mark):
            if event.get("event") == "printed":
                printed += str(event.get("text", ""))
                continue
            path = [str(title) for title in event.get("path") or ()]
            name = BETWEEN.join(path)
            if event.get("event") == "start":
                running = name
            elif path and path[-1].endswith(self.project.test):  # the file itself
                trouble = brief(printed or str(event.get("message", "")))
            elif not event.get("suite") and (names is None or name in names):
                results, running = merged(results, _result(name, event, self.project)), ""
        if not results and not trouble:
            return Report(broken=brief(printed or output.replace(mark, "")))
        return Report(results, running if running in (names or ()) else "", "" if results else trouble)


class JestLike(Runner):
    """vitest and jest, which write one JSON at their end."""

    title = "vitest or jest"
    tells_starts = False

    def order(self, names: Sequence[str] | None, mark: str, *, measured: bool = False) -> Order:
        """Return the command with a pattern of full names, which have a space between titles."""
        full = "|".join(re.escape(name.replace(BETWEEN, " ")) for name in names or ())
        return Order((*self.command, *(("-t", f"^({full})$") if full else ())), {"PATH": _path(), "CI": "1"})

    def read(self, output: str, names: Sequence[str] | None, mark: str) -> Report:
        """Return what the JSON tells; nothing where there is none, since the run was ended before."""
        told = _json_in(output)
        results: dict[str, TestResult] = {}
        trouble = ""
        if not told:
            return Report(broken=brief(output))
        for file in told.get("testResults") or ():
            for test in file.get("assertionResults") or ():
                name = BETWEEN.join([*map(str, test.get("ancestorTitles") or ()), str(test.get("title", ""))])
                if names is None or name in names:
                    results = merged(results, _jest_result(name, test, self.project))
            if not file.get("assertionResults"):
                trouble = brief(str(file.get("message", "")))
        return Report(results, "", "" if results else trouble)


def _result(name: str, event: Mapping[str, Any], project: Project) -> TestResult:
    ending = _TOLD.get(str(event.get("ending")), "error")
    stack, sides = str(event.get("stack", "")), event.get("sides") or ("", "")
    message = str(event.get("message", ""))
    return TestResult(name, ending, brief(message), *_place(stack, ending, project, (str(sides[0]), str(sides[1]))))


def _jest_result(name: str, test: Mapping[str, Any], project: Project) -> TestResult:
    message = "\n".join(map(str, test.get("failureMessages") or ()))
    ending = _ENDINGS.get(str(test.get("status")))
    if ending is None:
        asserted = re.search(r"AssertionError|expect\(|JestAssertionError|Expected: ", message)
        ending = "failed" if asserted else "error"
    compared = next((found for pattern in _COMPARED if (found := pattern.search(brief(message)))), None)
    sides = (compared["left"], compared["right"]) if compared and ending == "failed" else ("", "")
    shown = brief(re.split(r"\n\s+at ", message)[0])
    return TestResult(name, ending, shown, *_place(message, ending, project, sides))


def _place(
    stack: str, ending: str, project: Project, sides: tuple[str, str]
) -> tuple[int | None, tuple[str, str], str]:
    """Return the row in the test's file, what was compared, and what the code under test threw, by a stack."""
    frames = re.findall(r"^\s+at .*?([^\s(/]+):(\d+):\d+\)?$", stack, re.M)
    rows = [int(line) - 1 for file, line in frames if file == Path(project.test).name]
    in_code = bool(frames) and frames[0][0] == Path(project.source).name and ending == "error"
    first = stack.strip().splitlines()[0] if stack.strip() else ""
    return rows[0] if rows else None, sides, brief(first) if in_code and rows else ""


def _json_in(output: str) -> dict[str, Any]:
    for line in reversed(output.splitlines()):
        if line.startswith("{") and '"testResults"' in line:
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if isinstance(found, dict):
                return found
    return {}


def _path() -> str:
    node = shutil.which("node")
    return f"{Path(node).parent}:{PATH}" if node else PATH
