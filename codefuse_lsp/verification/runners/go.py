"""`go test`, which tells all in JSON as it goes (`go doc test2json`).

Input: a `Project`. Output: a runner. What it builds is kept in the copy; modules are taken from where the user has
them, and none is fetched. Starts nothing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from codefuse_lsp.verification.copies import BUILD
from codefuse_lsp.verification.reports import Coverage, Ending, Report, TestResult, brief, merged
from codefuse_lsp.verification.runners.runner import NoRunner, Order, Project, Runner

MEASURED = '"$@" -coverprofile=/tmp/cover.out; status=$?; cat /tmp/cover.out; exit $status'
_ENDINGS: dict[str, Ending] = {"pass": "passed", "fail": "failed", "skip": "skipped"}
_GOT_WANT = re.compile(
    r"(?:got|=|returned)\s*(?P<left>[^,;\n]+?)[,;]?\s*(?:want|wanted|expected|not)\s*(?P<right>[^\n]+)", re.I
)


def find(project: Project) -> Runner:
    """Return `go test` for the package of the tests; raises NoRunner."""
    go = shutil.which("go")
    if go is None:
        raise NoRunner("Go is not installed, so the tests were not run.")
    folder = project.up("go.mod")
    if folder is None:
        raise NoRunner("The package belongs to no module (go mod init makes one), so its tests were not run.")
    package = (project.root / project.test).parent.relative_to(folder).as_posix()
    words = ("go", "test", "-json", "-vet=off", "-count=1", f"./{package}" if package != "." else ".")
    root = Path(os.path.realpath(go)).parent.parent
    places = [place for place in (root, _modules()) if place.is_dir() and not Path.home().is_relative_to(place)]
    return GoTest(project, folder.relative_to(project.root).as_posix(), words, tuple(places))


class GoTest(Runner):
    """`go test` of one package."""

    title = "go test"

    def order(self, names: Sequence[str] | None, mark: str, *, measured: bool = False) -> Order:
        """Return the command with a pattern of names."""
        chosen = (f"-run=^({'|'.join(map(re.escape, names))})$",) if names else ()
        *words, package = self.command
        argv = (*words, *chosen, package)
        return Order(("sh", "-c", MEASURED, "sh", *argv) if measured else argv, self._environment())

    def _environment(self) -> dict[str, str]:
        built = self.project.root / BUILD
        return {
            "PATH": f"{Path(shutil.which('go') or 'go').parent}:/usr/local/bin:/usr/bin:/bin",
            "GOCACHE": str(built / "go"),
            "GOPATH": "/tmp/go",
            "GOMODCACHE": str(_modules()),
            "GOPROXY": "off",
            "GOFLAGS": "-mod=mod" if not (self.project.root / self.start / "vendor").is_dir() else "-mod=vendor",
            "GOTOOLCHAIN": "local",
            "GOTELEMETRY": "off",
            "CGO_ENABLED": "1" if shutil.which("gcc") else "0",
        }

    def read(self, output: str, names: Sequence[str] | None, mark: str) -> Report:
        """Return what the events tell; what is printed otherwise is the compiler's."""
        results: dict[str, TestResult] = {}
        printed: dict[str, str] = {}
        running, other = "", ""
        for line in output.splitlines():
            event = _event(line)
            test = str(event.get("Test", "")).partition("/")[0]
            kind = str(event.get("Action", ""))
            if kind == "run" and test:
                running = test
            elif kind in ("output", "build-output"):
                printed[test] = printed.get(test, "") + str(event.get("Output", ""))
            elif kind in _ENDINGS and test and event.get("Test") == test:
                results = merged(results, _result(test, _ENDINGS[kind], printed.get(test, ""), self.project))
                running = ""
            elif not event:
                other += line + "\n"
        panicked = next((name for name, text in printed.items() if name and re.search(r"^panic: ", text, re.M)), "")
        if panicked:  # it takes the whole run down, and is that test's error
            running = panicked
            results = merged(results, _result(running, "error", printed[panicked], self.project))
        if not results and not running and not printed:
            return Report(broken=brief(other))
        trouble = "" if results or running else brief(other + printed.get("", ""))
        ended_by = "panic" if panicked else ""
        return Report(results, running, trouble, ended_by, coverage=_coverage(output, self.project))


def _event(line: str) -> dict[str, object]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and "Action" in found else {}


def _result(name: str, ending: Ending, printed: str, project: Project) -> TestResult:
    text = "\n".join(line for line in printed.splitlines() if not line.startswith(("=== ", "--- ")))
    panic = re.search(r"^panic: (.*)$", printed, re.M)
    if ending == "failed" and panic:
        ending = "error"
    rows = re.findall(rf"\b{re.escape(Path(project.test).name)}:(\d+)", printed)
    in_code = panic and f"{Path(project.source).name}:" in printed
    sides = _GOT_WANT.search(text) if ending == "failed" else None
    return TestResult(
        name,
        ending,
        brief(text),
        int(rows[0]) - 1 if rows else None,
        (sides["left"].strip(), sides["right"].strip()) if sides else ("", ""),
        f"panic: {panic[1]}" if panic and in_code else "",
    )


def _coverage(output: str, project: Project) -> Coverage | None:
    """Return the lines of a cover profile (golang.org/x/tools/cover: file:line.column,line.column statements count)."""
    lines: set[int] = set()
    ran: set[int] = set()
    blocks = rf"^\S*{re.escape(Path(project.source).name)}:(\d+)\.\d+,(\d+)\.\d+ \d+ (\d+)$"
    for first, last, count in re.findall(blocks, output, re.M):
        block = range(int(first), int(last) + 1)
        lines.update(block)
        ran.update(block if int(count) else ())
    return Coverage(frozenset(lines), frozenset(ran)) if lines else None


def _modules() -> Path:
    """Return where the user's modules lie (`go help environment`: GOMODCACHE)."""
    if cache := os.environ.get("GOMODCACHE"):
        return Path(cache)
    paths = os.environ.get("GOPATH") or str(Path.home() / "go")
    return Path(paths.split(os.pathsep)[0]) / "pkg" / "mod"
