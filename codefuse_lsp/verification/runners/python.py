"""pytest and unittest, in the interpreter of the workspace where it has one, else in ours.

Input: a `Project`. Output: a runner. pytest tells by a probe (probes/codefuse_pytest_probe.py), unittest by what
`-v` prints. Finds out by looking at files; starts nothing.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from codefuse_lsp.verification.reports import Coverage, Ending, Report, TestResult, brief, events, merged
from codefuse_lsp.verification.runners.runner import PROBES, NoRunner, Order, Project, Runner

PLUGIN = "codefuse_pytest_probe"
ENVIRONMENTS = (".venv", "venv", "env", ".env")
PROJECT_FILES = ("pyproject.toml", "pytest.ini", "tox.ini", "setup.cfg", "setup.py")
_ENDINGS: dict[str, Ending] = {"ok": "passed", "FAIL": "failed", "ERROR": "error", "expected failure": "skipped"}
_UNITTEST = re.compile(
    r"^(?P<test>\w+) \((?P<owner>[\w.]+)\)(?:\n(?!\w+ \().*?)?? \.\.\. "
    r"(?P<ending>ok|FAIL|ERROR|skipped|expected failure)?",
    re.M,
)
_SETTINGS = (
    (
        ".vscode/settings.json",
        r'"python\.(?:defaultInterpreterPath|pythonPath)"\s*:\s*"(?:\$\{workspaceFolder\}/)?([^"]+)"',
    ),
    ("pyrightconfig.json", r'"venv"\s*:\s*"([^"]+)"'),
)
_TRACEBACK = re.compile(
    r"^(?:FAIL|ERROR): (?P<test>\w+) \((?P<owner>[\w.]+)\).*?\n-{20,}\n(?P<text>.*?)(?=^[=-]{20,}$|\Z)", re.M | re.S
)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python, and where its packages lie."""

    program: Path
    prefix: Path  # of the virtual environment, or of the installation
    base: Path  # of the installation

    def has(self, package: str) -> bool:
        """Return whether a package is installed, by its folder."""
        return any((place / package).is_dir() for place in self.packages())

    def packages(self) -> Iterator[Path]:
        """Yield the folders of its packages."""
        prefixes = [self.prefix, *([self.base] if _sees_system(self.prefix) else [])]
        for prefix in prefixes:
            yield from prefix.glob("lib*/python3*/site-packages")
            yield from prefix.glob("lib/python3*/dist-packages")


def find(project: Project) -> Runner:
    """Return pytest where an interpreter has it, else unittest for tests that it can run; raises NoRunner."""
    own = _own_interpreter(project)
    ours = Interpreter(Path(sys.executable), Path(sys.prefix), Path(sys.base_prefix))
    folder = next((folder for name in PROJECT_FILES if (folder := project.up(name))), project.root)
    chosen = own or ours
    start = folder.relative_to(project.root).as_posix()
    test = project.within(folder, project.test)
    if chosen.has("pytest"):
        flags = [*(["-n0"] if chosen.has("xdist") else []), *(["--no-cov"] if chosen.has("pytest_cov") else [])]
        words = (str(chosen.program), "-m", "pytest", "-p", PLUGIN, "--maxfail=0", *flags, test)
        return Pytest(project, start, words, (*_visible(chosen), PROBES))
    if not re.search(r"\bunittest\b", project.text):
        where = (
            f"the workspace's environment {own.prefix.name}" if own is not None else "an environment of the workspace"
        )
        raise NoRunner(f"pytest is not installed in {where}. Install it there to have tests run: pip install pytest.")
    return Unittest(project, start, (str(chosen.program), "-m", "unittest", "-v", test), _visible(chosen))


class Pytest(Runner):
    """pytest with a probe, which tells each test as it ends."""

    title = "pytest"

    def order(self, names: Sequence[str] | None, mark: str, *, measured: bool = False) -> Order:
        """Return the command, and in the environment what the probe is to do."""
        root = self.project.root
        told = {
            "PYTHONPATH": str(PROBES),
            "PYTHONDONTWRITEBYTECODE": "1",
            "CODEFUSE_MARK": mark,
            "CODEFUSE_SECONDS": str(self.test_s),
            "CODEFUSE_TESTS": str(root / self.project.test),
            "CODEFUSE_SOURCE": str(root / self.project.source),
            **({"CODEFUSE_ONLY": json.dumps(list(names))} if names is not None else {}),
            **({"CODEFUSE_MEASURED": str(root / self.project.source)} if measured else {}),
        }
        return Order(self.command, told)

    def read(self, output: str, names: Sequence[str] | None, mark: str) -> Report:
        """Return what the probe told."""
        results: dict[str, TestResult] = {}
        running, trouble, coverage, is_ready = "", "", None, False
        for event in events(output, mark):
            kind, name = event.get("event"), str(event.get("test", ""))
            is_ready = is_ready or kind == "ready"
            if kind == "start":
                running = name
            elif kind == "end" and event.get("ending") in ("passed", "skipped", "failed", "error"):
                results, running = merged(results, _result(name, event)), ""
            elif kind == "damage":
                results, running = merged(results, TestResult(name, "damage")), ""
            elif kind == "trouble":
                trouble = brief(str(event.get("message", "")))
            elif kind == "coverage":
                coverage = _coverage(event)
        if not is_ready or ("\nINTERNALERROR> " in output and not results):
            return Report(broken=brief(output))
        if not results and not trouble and not running:
            trouble = brief(output.replace(mark, ""))
        late = "time" if running and re.search(r"^Timeout \(\d+:", output, re.M) else ""
        return Report(results, running, trouble, late, coverage=coverage)


class Unittest(Runner):
    """unittest as it comes with Python."""

    title = "unittest"

    def order(self, names: Sequence[str] | None, mark: str, *, measured: bool = False) -> Order:
        """Return the command with a pattern for each test."""
        patterns = [word for name in names or () for word in ("-k", f"*{name.replace('::', '.')}")]
        return Order((*self.command[:-1], *patterns, self.command[-1]), {"PYTHONDONTWRITEBYTECODE": "1"})

    def read(self, output: str, names: Sequence[str] | None, mark: str) -> Report:
        """Return what `-v` printed."""
        details = {_unittest_name(found): found["text"] for found in _TRACEBACK.finditer(output)}
        results: dict[str, TestResult] = {}
        running = ""
        for found in _UNITTEST.finditer(output):
            name, ending = _unittest_name(found), _ENDINGS.get(found["ending"] or "", "skipped")
            running = "" if found["ending"] else name
            if (ending in ("passed", "skipped") and found["ending"]) or name in details:  # details come last of all
                results = merged(results, _from_traceback(name, ending, details.get(name, ""), self.project.test))
        trouble = "" if results or running else brief(next(iter(details.values()), output))
        return Report(results, running, trouble)


def _result(name: str, event: dict[str, object]) -> TestResult:
    row, sides = event.get("row"), event.get("sides")
    return TestResult(
        name,
        event["ending"],  # type: ignore[arg-type]
        brief(str(event.get("message", ""))),
        row if isinstance(row, int) else None,
        (str(sides[0]), str(sides[1])) if isinstance(sides, list) and len(sides) == 2 else ("", ""),
        brief(str(event.get("raised", ""))),
    )


def _coverage(event: dict[str, object]) -> Coverage | None:
    lines, tests = event.get("lines"), event.get("tests")
    if not isinstance(lines, list) or not isinstance(tests, dict):
        return None
    every = frozenset(lines)
    by_test = {str(name): frozenset(found) & every for name, found in tests.items()}
    return Coverage(every, frozenset(line for found in by_test.values() for line in found), by_test=by_test)


def _unittest_name(found: re.Match[str]) -> str:
    """Return a test's name: Python 3.11 and later write it behind its class a second time."""
    owner = found["owner"].removesuffix(f".{found['test']}").rpartition(".")[2]
    return f"{owner}::{found['test']}"


def _from_traceback(name: str, ending: Ending, text: str, test: str) -> TestResult:
    rows = re.findall(rf'File "[^"]*{re.escape(Path(test).name)}", line (\d+)', text)
    last = text.strip().splitlines()[-1] if text.strip() else ""
    sides = re.search(r"AssertionError: (.*?) (?:!=|is not) (.*?)(?: : .*)?$", last)
    return TestResult(
        name, ending, brief(text), int(rows[-1]) - 1 if rows else None, (sides[1], sides[2]) if sides else ("", "")
    )


def _own_interpreter(project: Project) -> Interpreter | None:
    """Return the interpreter of the innermost virtual environment round the tests, or the one of the user's shell."""
    folder = (project.root / project.test).parent
    while True:
        for place in (*(folder / name for name in ENVIRONMENTS), *_named(folder)):
            if (found := interpreter_in(place)) is not None:
                return found
        if folder == project.root or folder == folder.parent:
            break
        folder = folder.parent
    active = os.environ.get("VIRTUAL_ENV") or os.environ.get("CONDA_PREFIX")
    return interpreter_in(Path(active)) if active else None


def _named(folder: Path) -> Iterator[Path]:
    """Yield the environment that a folder's settings for editors name inside of it."""
    for name, pattern in _SETTINGS:
        try:
            text = (folder / name).read_bytes()[: 1 << 16].decode("utf-8", "replace")
        except OSError:
            continue
        if found := re.search(pattern, text):
            place = folder / found[1]
            yield place.parent.parent if place.parent.name == "bin" else place


def interpreter_in(prefix: Path) -> Interpreter | None:
    """Return the interpreter of a virtual environment; None for a folder that is none, or whose Python is gone."""
    program = prefix / "bin" / "python"
    real = Path(os.path.realpath(program))
    base = real.parent.parent
    is_environment = (prefix / "pyvenv.cfg").is_file() or (prefix / "conda-meta").is_dir()
    if not is_environment or not real.is_file() or not any(base.glob("lib*/python3*")):
        return None
    if Path.home().is_relative_to(base):  # a Python that somebody put there would show all that is theirs
        return None
    return Interpreter(program, prefix, base)


def _sees_system(prefix: Path) -> bool:
    try:
        text = (prefix / "pyvenv.cfg").read_text("utf-8")
    except (OSError, ValueError):
        return False
    return bool(re.search(r"^include-system-site-packages\s*=\s*true", text, re.M | re.I))


def _visible(chosen: Interpreter) -> tuple[Path, ...]:
    system = Path("/usr")
    return tuple(place for place in dict.fromkeys((chosen.prefix, chosen.base)) if not place.is_relative_to(system))
