"""The asynchronous face: a program in, how it ended out.

Each run has a supervisor of its own behind a wall (walls.py); which wall works here is tried once. Knows nothing of
what is run, or why.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any

from codefuse_lsp.errors import SandboxUnavailable
from codefuse_lsp.execution.limits import Limits, Outcome, Status
from codefuse_lsp.execution.walls import Wall, candidates, command, visible_paths

PROGRAM = "program.py"
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/tmp",
    "TMPDIR": "/tmp",
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",  # sets in the same order at every run
}
GRACE_S = 15.0  # beyond its time for a supervisor to tell how it went, on a machine that is busy
LEAVE_S = 2.0  # for a supervisor to end everything when nobody waits any more
WITHOUT_WALLS = "Add --unsafe to run it with limits only, on a machine where it can do no harm."

_refusals: dict[Wall, str] = {}  # why a wall cannot be had here; '' for one that works


async def run_python(
    source: str,
    *,
    limits: Limits = Limits(),  # noqa: B008  a frozen value
    files: Mapping[str, str] = {},
    unsafe: bool = False,
) -> Outcome:
    """Run a Python program beside `files` in a folder that is gone afterwards.

    Raises SandboxUnavailable where the system offers no walls, unless `unsafe`: then there are only limits.
    """
    wall = "none" if unsafe else await find_wall()
    argv = [sys.executable, "-s", "-B", "-X", "utf8", PROGRAM]
    order = _order(wall, argv, limits, files={PROGRAM: source, **files})
    if wall != "none":
        return _outcome(await _supervised(order), limits)
    temporary = tempfile.TemporaryDirectory(prefix="codefuse-run-", ignore_cleanup_errors=True)
    try:
        environment = order["environment"] | {"HOME": temporary.name, "TMPDIR": temporary.name}
        folder = {"folder": temporary.name, "place": temporary.name}
        return _outcome(await _supervised({**order, **folder, "environment": environment}), limits)
    finally:
        await asyncio.to_thread(temporary.cleanup)  # it may hold many files


async def run_command(
    argv: Sequence[str],
    *,
    folder: Path,
    place: Path | None = None,
    start: str = "",
    limits: Limits = Limits(),  # noqa: B008
    visible: Sequence[Path] = (),
    environment: Mapping[str, str] = {},
    unsafe: bool = False,
) -> Outcome:
    """Run a command in `folder`, the only place of the machine that it can change: give it a true copy.

    Behind walls the folder lies at `place`, so that a copy can stand where the original does; the command begins in
    `start`, relative to it. It sees the system, this Python and `visible`, which may lie inside `place`, and can change
    none of that; `environment` is added to the little there is. A command that cannot be started ends with exit code
    127. Where we are root, the folder becomes nobody's.
    Raises SandboxUnavailable as `run_python` does.
    """
    wall = "none" if unsafe else await find_wall()
    order = _order(wall, argv, limits, folder=folder, place=place, start=start, visible=visible)
    order["environment"] |= environment
    return _outcome(await _supervised(order), limits)


async def find_wall() -> Wall:
    """Return the wall that works here, tried at the first call; raises SandboxUnavailable with the reasons."""
    for wall in candidates():
        if wall not in _refusals:
            argv = [sys.executable, "-I", "-S", "-c", ""]
            report = await _supervised(_order(wall, argv, Limits()))
            told = report["output"].strip() or "Python does not start there" if report.get("exit_code") else ""
            _refusals[wall] = report.get("refused", told)
        if not _refusals[wall]:
            return wall
    told = "; ".join(f"{wall}: {reason}" for wall, reason in _refusals.items())
    if not sys.platform.startswith("linux"):
        told = "only Linux has the means that this uses"
    raise SandboxUnavailable(f"Code that nobody has read cannot be walled in on this system ({told}). {WITHOUT_WALLS}")


def _order(
    wall: Wall,
    argv: Sequence[str],
    limits: Limits,
    *,
    files: Mapping[str, str] = {},
    folder: Path | None = None,
    place: Path | None = None,
    start: str = "",
    visible: Sequence[Path] = (),
) -> dict[str, Any]:
    for name in files:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise ValueError(f"{name} is not inside the program's folder")
    return {
        "wall": wall,
        "argv": list(argv),
        "files": dict(files),
        "limits": asdict(limits),
        "environment": dict(ENVIRONMENT),
        "folder": (real := str(folder.resolve()) if folder else ""),
        "place": str(place.resolve()) if place and folder and wall != "none" else real,
        "start": start,
        "visible": visible_paths(tuple(visible)),
    }


async def _supervised(order: dict[str, Any]) -> dict[str, Any]:
    """Return a supervisor's report; however this ends, nothing of it is left running."""
    places = (order["folder"], order["place"])
    words = command(order["wall"], order["visible"], *places, order["limits"]["disk_bytes"])
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={},
        cwd="/",
        start_new_session=True,
    )
    assert process.stdin and process.stdout and process.stderr
    try:
        async with asyncio.timeout(order["limits"]["wall_s"] + GRACE_S):
            with contextlib.suppress(ConnectionError):
                process.stdin.write(json.dumps(order).encode() + b"\n")
                await process.stdin.drain()
            told, complaint = await asyncio.gather(process.stdout.read(), process.stderr.read())
    except TimeoutError:
        return {"exit_code": None, "ended_by": "time", "seconds": order["limits"]["wall_s"], "output": ""}
    finally:
        await _let_go(process)
    return _report(told, complaint, order["wall"])


def _report(told: bytes, complaint: bytes, wall: Wall) -> dict[str, Any]:
    try:
        report = json.loads(told)
    except ValueError:
        if wall == "none" and not complaint:  # without walls, a program can end what watches it, and itself with that
            return {"exit_code": -signal.SIGKILL, "ended_by": "", "seconds": 0.0, "cpu_seconds": 0.0, "output": ""}
        lines = complaint.decode("utf-8", "replace").strip().splitlines() or ["it ended without a word"]
        return {"refused": lines[-1]}
    assert isinstance(report, dict)
    return report


async def _let_go(process: asyncio.subprocess.Process) -> None:
    """Wait until a supervisor is gone, which it is soon once its stdin is closed."""
    assert process.stdin
    process.stdin.close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LEAVE_S):
            await process.wait()
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _outcome(report: dict[str, Any], limits: Limits) -> Outcome:
    if "refused" in report:
        raise SandboxUnavailable(f"The program could not be walled in ({report['refused']}). {WITHOUT_WALLS}")
    code, reason = report["exit_code"], report["ended_by"]
    status: Status = "passed" if code == 0 else "failed"
    if reason:
        status = "timed_out" if reason == "time" else "killed"
    elif code < 0:
        reason = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        if reason == "SIGXCPU" or (reason == "SIGKILL" and report["cpu_seconds"] >= limits.cpu_s):
            status, reason = "timed_out", "CPU time"
        elif reason == "SIGXFSZ":
            status, reason = "killed", "file size"
    exit_code = None if status in ("timed_out", "killed") else code
    return Outcome(status, exit_code, report["output"], report["seconds"], reason)
