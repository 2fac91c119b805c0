"""`cargo test`, by what its tests print (libtest's own format; its JSON is not stable).

Input: a `Project`. Output: a runner. What it builds is kept in the copy; crates are taken from where the user has them,
and none is fetched. Tests run one at a time, so that the one under way is known. Starts nothing.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from codefuse_lsp.verification.copies import BUILD
from codefuse_lsp.verification.reports import Ending, Report, TestResult, brief, merged
from codefuse_lsp.verification.runners.runner import NoRunner, Order, Project, Runner

_ENDINGS: dict[str, Ending] = {"ok": "passed", "FAILED": "failed", "ignored": "skipped"}
_TEST = re.compile(r"^test (?P<name>[\w:]+)(?: - should panic)? \.\.\. ?(?P<ending>ok|FAILED|ignored)?", re.M)
_DETAIL = re.compile(r"^---- (?P<name>[\w:]+) stdout ----\n(?P<text>.*?)(?=^---- |^failures:|\Z)", re.M | re.S)
_SIDES = re.compile(r"^\s+left: (?P<left>.*)\n\s+right: (?P<right>.*)$", re.M)
_PANIC = re.compile(r"panicked at (?P<file>[^\n:]+):(?P<line>\d+):\d+:\n(?P<what>.*)")


def find(project: Project) -> Runner:
    """Return `cargo test` for the package of the tests; raises NoRunner."""
    cargo = shutil.which("cargo")
    if cargo is None:
        raise NoRunner("Cargo is not installed, so the tests were not run.")
    folder = project.up("Cargo.toml")
    if folder is None:
        raise NoRunner("The file belongs to no crate (there is no Cargo.toml), so its tests were not run.")
    home, rustup = _home("CARGO_HOME", ".cargo"), _home("RUSTUP_HOME", ".rustup")
    places = (Path(cargo).parent, home / "registry", home / "git", home / "config.toml", rustup)
    visible = tuple(place for place in places if place.exists() and not place.is_relative_to("/usr"))
    words = ("cargo", "test", "--offline", "--quiet", "--", "--test-threads=1", "--format=pretty")
    return CargoTest(project, folder.relative_to(project.root).as_posix(), words, visible)


class CargoTest(Runner):
    """`cargo test` of one package."""

    title = "cargo test"

    def order(self, names: Sequence[str] | None, mark: str, *, measured: bool = False) -> Order:
        """Return the command with the names behind it."""
        environment = {
            "PATH": f"{Path(shutil.which('cargo') or 'cargo').parent}:/usr/local/bin:/usr/bin:/bin",
            "CARGO_HOME": str(_home("CARGO_HOME", ".cargo")),
            "RUSTUP_HOME": str(_home("RUSTUP_HOME", ".rustup")),
            "CARGO_TARGET_DIR": str(self.project.root / BUILD / "target"),
            "CARGO_TERM_COLOR": "never",
            "RUST_BACKTRACE": "1",  # tells where in a test the code has panicked
        }
        return Order((*self.command, *(names or ())), environment)

    def read(self, output: str, names: Sequence[str] | None, mark: str) -> Report:
        """Return what libtest printed; without a test, it is the compiler's."""
        details = {found["name"]: found["text"] for found in _DETAIL.finditer(output)}
        results: dict[str, TestResult] = {}
        running = ""
        for found in _TEST.finditer(output):
            name = self._known(found["name"], names)
            if name is None:
                continue
            running = "" if found["ending"] else name
            ending, text = _ENDINGS.get(found["ending"] or ""), details.get(found["name"])
            if ending is not None and (ending != "failed" or text is not None):  # details come last of all
                results = merged(results, _result(name, ending, text or "", self.project))
        if not results and not running and re.search(r"^error: (?!could not compile)", output, re.M):
            return Report(broken=brief(_complaints(output)))  # a crate that is not at hand, a bad manifest
        trouble = "" if results or running else brief(_complaints(output))
        return Report(results, running, trouble)

    def _known(self, path: str, names: Sequence[str] | None) -> str | None:
        """Return the name that a test with this path was asked for by."""
        if names is None:
            return "::".join(path.split("::")[-2:])
        return next((name for name in names if path == name or path.endswith(f"::{name}")), None)


def _result(name: str, ending: Ending, text: str, project: Project) -> TestResult:
    panic, sides = _PANIC.search(text), _SIDES.search(text)
    asserted = panic is not None and "assertion" in panic["what"]
    if ending == "failed" and not asserted:
        ending = "error"
    place = rf"::{name.rpartition('::')[2]}\n\s+at \S*{re.escape(Path(project.test).name)}:(\d+)"
    row = panic["line"] if panic and asserted else (re.findall(place, text) or [""])[0]
    raised = f"panic: {panic['what']}" if panic and ending == "error" else ""
    both = (sides["left"], sides["right"]) if sides else ("", "")
    message = brief(text.partition("\nstack backtrace:")[0])
    return TestResult(name, ending, message, int(row) - 1 if row else None, both, brief(raised))


def _complaints(output: str) -> str:
    """Return the compiler's errors without its warnings."""
    start = re.search(r"^error", output, re.M)
    return output[start.start() :] if start else output


def _home(variable: str, name: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / name)
