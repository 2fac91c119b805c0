"""The process beside a program: it starts it, watches it, ends it with everything it started, and tells what happened.

A line of JSON on stdin, a line of JSON on stdout. It ends as well when stdin is closed, so whoever asked may just die.
Behind walls it is the first process of a namespace: nothing in there can stop it, and nothing outlives it.
Knows only the standard library, since it starts with nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import sys
import time
from typing import Any, NoReturn

from codefuse_lsp.execution import jail, usage

TICK_S = 0.05  # between looks at what the program uses
DRAIN_S = 0.5  # for output that is on its way when all is over
PAUSE_S = 0.001  # between one attempt to end everything and the next
NICENESS = 5  # of the program, so that we and the editor come first
SPARE_TASKS = 4096  # of the user's own, where they cannot be counted
CHUNK = 1 << 16
IS_LINUX = usage.IS_LINUX


def main() -> None:
    """Do what the line on stdin asks for."""
    order = json.loads(sys.stdin.buffer.readline())
    try:
        if order["wall"] == "namespaces":
            order["tasks_before"] = usage.tasks_of_user(jail.program_ids()[0])
            if order["folder"]:
                jail.hand_over(order["folder"])  # before anything else is shown inside it
            jail.enter(order["visible"], order["folder"], order["place"], order["limits"]["disk_bytes"])
        report = Watch(order).run()
    except OSError as error:
        report = {"refused": f"{error.strerror}{f' ({error.filename})' if error.filename else ''}"}
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()
    os._exit(0)


class Watch:
    """One program from its start to its end."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._order = order
        self._limits = order["limits"]
        self._tail = bytearray()
        self._exit: int | None = None  # negative: the signal
        self._began = 0.0
        self._ended_by = ""
        self._others = frozenset(usage.processes()) if order["wall"] == "none" else frozenset({os.getpid()})
        self._own_io = os.open("/proc/self/io", os.O_RDONLY) if IS_LINUX else -1

    def run(self) -> dict[str, Any]:
        """Return how it went."""
        folder = self._prepare()
        if IS_LINUX:
            jail.prctl(jail.PR_SET_CHILD_SUBREAPER, 1)  # orphans become ours
        reading, writing = os.pipe()
        woken = _wake_on_child()
        self._began = time.monotonic()
        child = os.fork()
        if not child:
            _become(self._order, folder, writing)
        os.close(writing)
        if IS_LINUX:
            jail.prctl(jail.PR_SET_DUMPABLE, 0)  # the program cannot look into us
        try:
            self._watch(child, reading, woken)
        finally:
            seconds = time.monotonic() - self._began
            self._end_all(child)
        self._drain(reading)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return {
            "exit_code": self._exit,
            "ended_by": self._ended_by,
            "seconds": seconds,
            "cpu_seconds": used.ru_utime + used.ru_stime,
            "output": self._tail.decode("utf-8", "replace"),
        }

    def _prepare(self) -> str:
        """Write the program's files and return the folder it starts in."""
        folder: str = self._order["place"] or "/tmp/program"
        os.makedirs(folder, exist_ok=True)
        for name, text in self._order["files"].items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8", errors="surrogatepass", newline="") as file:
                file.write(text)
        if self._order["wall"] == "namespaces" and not self._order["folder"]:
            jail.hand_over(folder)
        return os.path.join(folder, self._order["start"])

    def _watch(self, child: int, reading: int, woken: int) -> None:
        """Return when the program has ended, or has to."""
        os.set_blocking(reading, False)
        poll = select.poll()
        for descriptor in (0, reading, woken):
            poll.register(descriptor, select.POLLIN)
        look_at = self._began + TICK_S
        while self._exit is None and not self._ended_by:
            for descriptor, _ in poll.poll(1e3 * TICK_S):
                if descriptor == reading and not self._read(reading):
                    poll.unregister(reading)
                elif descriptor == woken:
                    os.read(woken, CHUNK)
                elif descriptor == 0:
                    self._ended_by = "nobody waits"
            self._reap(child)
            if self._exit is None and time.monotonic() >= look_at:
                look_at = time.monotonic() + TICK_S
                self._ended_by = self._ended_by or self._exceeded()

    def _exceeded(self) -> str:
        """Return what the program uses too much of; '' while all is well."""
        if time.monotonic() - self._began > self._limits["wall_s"]:
            return "time"
        if not IS_LINUX:
            return ""
        memory, tasks, written = 0, 0, usage.written(os.pread(self._own_io, CHUNK, 0))  # of those that ended, too
        for pid in self._program():
            memory += usage.memory(pid)
            tasks += usage.tasks(pid)
            written += usage.written(usage.read(pid, "io"))
        if usage.available_memory() < self._limits["spare_bytes"]:
            return "memory"
        used = (("memory", memory), ("processes", tasks), ("disk", written))
        allowed = {name: self._limits[f"{name}_bytes" if name != "processes" else name] for name, _ in used}
        return next((name for name, amount in used if amount > allowed[name]), "")

    def _program(self) -> set[int]:
        """Return the processes of the program: behind walls all but us, else those that descend from us."""
        fresh = {pid for pid in usage.processes() if pid not in self._others}
        if self._order["wall"] != "none":
            return fresh
        parents = {pid: usage.parent(pid) for pid in fresh}
        family = {os.getpid()}
        while more := {pid for pid, parent in parents.items() if parent in family and pid not in family}:
            family |= more
        return family - {os.getpid()}

    def _end_all(self, child: int) -> None:
        """End the program and all that it started, wherever it has gone."""
        while self._reap(child):
            pids = [-1] if self._order["wall"] != "none" else [-child, *(self._program() if IS_LINUX else ())]
            for pid in pids:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(PAUSE_S)

    def _reap(self, child: int) -> bool:
        """Take note of processes that have ended; return whether there are others yet."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == child:
                self._exit = os.waitstatus_to_exitcode(status)
            elif not pid:
                return True

    def _read(self, reading: int) -> bool:
        """Keep the end of what has been printed; return whether more may come."""
        try:
            piece = os.read(reading, CHUNK)
        except BlockingIOError:
            return True
        self._tail += piece
        if len(self._tail) > 2 * self._limits["output_bytes"] + CHUNK:
            del self._tail[: -self._limits["output_bytes"]]
        return bool(piece)

    def _drain(self, reading: int) -> None:
        """Read what is on its way when all is over, but not for ever."""
        until, poll = time.monotonic() + DRAIN_S, select.poll()
        poll.register(reading, select.POLLIN)
        while time.monotonic() < until and poll.poll(0) and self._read(reading):
            pass
        del self._tail[: -self._limits["output_bytes"]]


def _become(order: dict[str, Any], folder: str, writing: int) -> NoReturn:
    """Turn this process into the program."""
    try:
        os.setsid()
        os.chdir(folder)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for descriptor in (1, 2):
            os.dup2(writing, descriptor)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores, and programs expect
            signal.signal(number, signal.SIG_DFL)
        os.nice(NICENESS)
        if IS_LINUX:
            jail.prctl(jail.PR_SET_PDEATHSIG, signal.SIGKILL)
            with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
                file.write("1000")  # should memory end all the same, this ends first
        _limit(order)
        if order["wall"] == "namespaces":  # bubblewrap has done so already
            jail.confine()
        os.execvpe(order["argv"][0], order["argv"], order["environment"])
    except BaseException as error:
        os.write(2, f"{order['argv'][0]} cannot be started: {error}\n".encode(errors="replace"))
    os._exit(127)


def _limit(order: dict[str, Any]) -> None:
    limits = order["limits"]
    wanted = {
        "RLIMIT_CPU": limits["cpu_s"],
        "RLIMIT_AS": limits["address_bytes"],
        "RLIMIT_FSIZE": limits["file_bytes"],
        "RLIMIT_NOFILE": limits["open_files"],
        "RLIMIT_NPROC": 2 * limits["processes"] + order.get("tasks_before", SPARE_TASKS),  # we look at the exact one
        "RLIMIT_CORE": 0,
    }
    for name, value in wanted.items():
        kind = getattr(resource, name, None)
        if kind is None or value is None:
            continue
        hard = resource.getrlimit(kind)[1]
        soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
        after = soft + 1 if name == "RLIMIT_CPU" and hard == resource.RLIM_INFINITY else soft
        with contextlib.suppress(ValueError, OSError):  # macOS knows an RLIMIT_AS that it refuses
            resource.setrlimit(kind, (soft, after))


def _wake_on_child() -> int:
    """Return a descriptor that can be read when a child has ended."""
    reading, writing = os.pipe()
    for descriptor in (reading, writing):
        os.set_blocking(descriptor, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    return reading
