"""Hostile programs, each really run, and what is left of the machine afterwards: all of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from codefuse_lsp.errors import SandboxUnavailable
from codefuse_lsp.execution import run, walls
from codefuse_lsp.execution.limits import MIB, Limits
from codefuse_lsp.execution.run import find_wall, run_command, run_python

SHORT = Limits(wall_s=0.5)
ROOT = Path(walls.PACKAGES)


@pytest.fixture
async def wall() -> str:
    try:
        return await find_wall()
    except SandboxUnavailable as error:
        pytest.skip(f"NO SANDBOX: {error}")


@pytest.fixture(params=["walled", "unsafe"])
async def unsafe(request: pytest.FixtureRequest) -> bool:
    """Whether there are walls or only limits: time, memory, processes and output have limits in both."""
    if request.param == "walled":
        try:
            await find_wall()
        except SandboxUnavailable as error:
            pytest.skip(f"NO SANDBOX: {error}")
    return bool(request.param == "unsafe")


@pytest.fixture
def marker() -> Iterator[str]:
    """A word in the command line of every process that a test's program starts; none may outlive it."""
    word = uuid.uuid4().hex
    yield word
    assert running(word) == []


def running(word: str) -> list[int]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if any(word in part for part in process.info["cmdline"] or ()):
            found.append(process.pid)
    return found


async def until_running(word: str) -> None:
    async with asyncio.timeout(30):
        while not running(word):
            await asyncio.sleep(0.02)


async def test_a_program_that_ends_well_has_passed(unsafe: bool) -> None:
    outcome = await run_python("print('hello')", unsafe=unsafe)
    assert (outcome.status, outcome.exit_code, outcome.output) == ("passed", 0, "hello\n")
    assert outcome.seconds > 0


async def test_an_exception_is_a_failure_that_tells_itself(unsafe: bool) -> None:
    outcome = await run_python("assert 1 + 1 == 3", unsafe=unsafe)
    assert (outcome.status, outcome.exit_code) == ("failed", 1)
    assert "AssertionError" in outcome.output


async def test_a_crash_is_a_failure_with_its_signal(unsafe: bool) -> None:
    outcome = await run_python("import ctypes; ctypes.string_at(0)", unsafe=unsafe)
    assert (outcome.status, outcome.reason) == ("failed", "SIGSEGV")


async def test_files_stand_beside_the_program(unsafe: bool) -> None:
    files = {"words.txt": "größer\r\n", "package/one.py": "NUMBER = 41"}
    source = "from package.one import NUMBER; print(NUMBER, open('words.txt', newline='').read()[-3:].encode())"
    outcome = await run_python(source, files=files, unsafe=unsafe)
    assert outcome.output == "41 b'r\\r\\n'\n"


@pytest.mark.parametrize("name", ["/etc/passwd", "../x.py"])
async def test_a_file_outside_is_not_written(name: str) -> None:
    with pytest.raises(ValueError, match="not inside"):
        await run_python("", files={name: ""}, unsafe=True)


ENDLESS = {
    "loop": "while True: pass",
    "sleep": "import time; time.sleep(1000)",
    "pause": "import signal; signal.pause()",
    "ignores every signal": """
import signal
for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}: signal.signal(number, signal.SIG_IGN)
while True: pass
""",
    "stops itself": "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
    "waits for a thread": "import threading; threading.Thread(target=threading.Event().wait).start()",
}


async def test_what_does_not_end_is_ended(unsafe: bool) -> None:
    outcomes = await asyncio.gather(*(run_python(source, limits=SHORT, unsafe=unsafe) for source in ENDLESS.values()))
    ends = {name: (end.status, end.reason, end.exit_code) for name, end in zip(ENDLESS, outcomes, strict=True)}
    assert ends == dict.fromkeys(ENDLESS, ("timed_out", "time", None))


async def test_cpu_time_has_a_limit_of_its_own() -> None:
    outcome = await run_python("while True: pass", limits=Limits(wall_s=120, cpu_s=1), unsafe=True)
    assert (outcome.status, outcome.reason) == ("timed_out", "CPU time")


async def test_stdin_is_empty(unsafe: bool) -> None:
    outcome = await run_python("import sys; print(repr(sys.stdin.read()))", unsafe=unsafe)
    assert outcome.output == "''\n"


async def test_a_memory_hog_is_killed(unsafe: bool) -> None:
    source = "held = []\nwhile True: held.append(bytearray(1 << 20))"
    outcome = await run_python(source, limits=Limits(wall_s=60, memory_bytes=128 * MIB), unsafe=unsafe)
    assert (outcome.status, outcome.reason) == ("killed", "memory")


async def test_many_small_hogs_are_one_large_one(unsafe: bool) -> None:
    source = (
        "import os, time\nfor _ in range(5): os.fork() or (bytearray(b'x') * (40 << 20), time.sleep(60))\nos.wait()"
    )
    outcome = await run_python(source, limits=Limits(wall_s=60, memory_bytes=128 * MIB), unsafe=unsafe)
    assert (outcome.status, outcome.reason) == ("killed", "memory")


async def test_the_machine_keeps_some_memory_whatever_a_program_holds_it_in() -> None:
    limits = Limits(wall_s=60, spare_bytes=1 << 60)  # as if there were hardly any left
    outcome = await run_python("import time; time.sleep(60)", limits=limits, unsafe=True)
    assert (outcome.status, outcome.reason) == ("killed", "memory")


async def test_one_huge_allocation_is_refused(unsafe: bool) -> None:
    outcome = await run_python("bytearray(10 << 30)", unsafe=unsafe)
    assert outcome.status == "failed" and "MemoryError" in outcome.output


@pytest.mark.parametrize(
    "source",
    [
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        "import subprocess\nwhile True: subprocess.Popen(['sleep', '60'])",
        "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(60,)).start()",
    ],
    ids=["fork bomb", "spawner", "threads"],
)
async def test_a_bomb_of_processes_ends(source: str, unsafe: bool) -> None:
    limits = Limits(wall_s=60, cpu_s=60, processes=32, memory_bytes=4096 * MIB, address_bytes=None)
    outcome = await run_python(source, limits=limits, unsafe=unsafe)
    refused = "unavailable" in outcome.output or "can't start new thread" in outcome.output  # faster than we look
    assert (outcome.status, outcome.reason) == ("killed", "processes") or (outcome.status == "failed" and refused)


async def test_what_a_program_leaves_running_is_ended_with_it(marker: str, unsafe: bool) -> None:
    source = f"""
import os, subprocess, sys
loop = "import signal, time\\nfor n in (1, 2, 15): signal.signal(n, signal.SIG_IGN)\\ntime.sleep(600)"
subprocess.Popen([sys.executable, "-S", "-c", loop, "{marker}"])
if not os.fork():
    os.setsid()
    if not os.fork():
        os.execv(sys.executable, [sys.executable, "-S", "-c", loop, "{marker}"])
    os._exit(0)
os.wait()
print("done")
"""
    outcome = await run_python(source, unsafe=unsafe)
    assert outcome.status == "passed" and "done" in outcome.output


async def test_only_the_end_of_huge_output_is_kept(unsafe: bool) -> None:
    source = "for n in range(300_000): print(f'{n:09}')\nprint('the end')"
    outcome = await run_python(source, limits=Limits(wall_s=60, output_bytes=1000), unsafe=unsafe)
    assert outcome.status == "passed"
    assert len(outcome.output) == 1000 and outcome.output.endswith("the end\n")


async def test_output_without_end_does_not_hold_anything_up(unsafe: bool) -> None:
    outcome = await run_python("import os\nwhile True: os.write(1, b'x' * 65536)", limits=SHORT, unsafe=unsafe)
    assert outcome.status == "timed_out"
    assert outcome.output == "x" * Limits().output_bytes


async def test_output_that_is_no_text_is_shown_as_far_as_it_goes(unsafe: bool) -> None:
    outcome = await run_python("import os; os.write(1, b'a\\xffb')", unsafe=unsafe)
    assert outcome.output == "a\ufffdb"


@pytest.mark.parametrize("limits", [Limits(), Limits(file_bytes=1 << 40)], ids=["one file", "the whole folder"])
async def test_ten_gigabytes_are_not_written(limits: Limits, wall: str) -> None:
    source = "with open('large', 'wb') as file:\n    for _ in range(10_240): file.write(bytes(1 << 20))"
    outcome = await run_python(source, limits=limits)
    assert outcome.status == "failed" and "OSError" in outcome.output


async def test_many_files_fill_no_disk(wall: str) -> None:
    source = "for n in range(100_000): open(str(n), 'wb').write(bytes(1 << 16))"
    outcome = await run_python(source)
    assert outcome.status == "failed" and "No space left" in outcome.output


async def test_nothing_outside_is_written_deleted_or_even_seen(wall: str, tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text("precious")
    source = f"""
import os, pathlib, shutil
kept = pathlib.Path({str(kept)!r})
for act in (kept.unlink, kept.read_text, lambda: kept.write_text(""), lambda: shutil.rmtree(kept.parent),
            lambda: pathlib.Path("/usr/x").write_text(""), lambda: pathlib.Path("/etc/x").write_text(""),
            lambda: pathlib.Path({sys.prefix!r}, "x").write_text(""), lambda: pathlib.Path("/x").mkdir(),
            lambda: pathlib.Path("/dev/x").write_text(""), lambda: os.listdir({str(Path.home() / ".ssh")!r})):
    try:
        act()
    except OSError as error:
        print(type(error).__name__)
    else:
        raise SystemExit("it could")
"""
    outcome = await run_python(source)
    assert outcome.status == "passed", outcome.output
    assert kept.read_text() == "precious"
    assert not any(Path(place, "x").exists() for place in ("/usr", "/etc", sys.prefix, "/", "/dev"))


async def test_shutil_rmtree_of_everything_changes_nothing_here(wall: str, tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("precious")
    before = {name: Path(name).stat().st_mtime_ns for name in ("/usr", "/etc", sys.prefix)}
    await run_python("import shutil; shutil.rmtree('/', ignore_errors=True)", limits=SHORT)
    assert (tmp_path / "kept.txt").read_text() == "precious"
    assert {name: Path(name).stat().st_mtime_ns for name in before} == before


async def test_there_is_no_network(wall: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        name = f"\0{uuid.uuid4().hex}"
        abstract.bind(name)
        abstract.listen()
        port = server.getsockname()[1]
        source = f"""
import socket
for family, place in ((socket.AF_INET, ("127.0.0.1", {port})), (socket.AF_INET, ("192.0.2.1", 80)),
                      (socket.AF_UNIX, {name!r})):
    try:
        socket.socket(family).connect(place)
    except OSError as error:
        print(error)
    else:
        raise SystemExit("it could")
try:
    socket.getaddrinfo("example.org", 80)
except OSError:
    print("no names")
"""
        outcome = await run_python(source)
        assert outcome.status == "passed", outcome.output
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


async def test_a_program_can_speak_to_itself(wall: str) -> None:
    source = """
import socket
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
server.accept()[0].sendall(b"hello")
print(client.recv(5))
"""
    assert (await run_python(source)).output == "b'hello'\n"


async def test_without_walls_a_program_that_kills_its_parent_dies_with_it(marker: str) -> None:
    source = f"""
import os, signal, subprocess, sys, time
if "{marker}" not in sys.argv: os.execv(sys.executable, [sys.executable, __file__, "{marker}"])
os.kill(os.getppid(), signal.SIGKILL)
time.sleep(600)
"""
    outcome = await run_python(source, unsafe=True)
    assert (outcome.status, outcome.reason) == ("failed", "SIGKILL")


async def test_nobody_else_can_be_killed_or_seen(wall: str) -> None:
    source = f"""
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for pid, number in ((os.getppid(), signal.SIGKILL), (os.getppid(), signal.SIGSTOP), (-1, signal.SIGTERM),
                    ({os.getpid()}, signal.SIGKILL)):
    try: os.kill(pid, number)
    except (ProcessLookupError, PermissionError): pass
print(len([name for name in os.listdir("/proc") if name.isdigit()]))
"""
    outcome = await run_python(source)
    assert (outcome.status, outcome.output) == ("passed", "2\n"), outcome


async def test_no_privilege_is_left_nor_to_be_had(wall: str) -> None:
    source = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
assert libc.mount(b"tmpfs", b"/tmp", b"tmpfs", 0, None) != 0
assert libc.mount(None, b"/", None, 32 | 4096, None) != 0  # remounted to be written to
assert libc.sethostname(b"x", 1) != 0
assert libc.ptrace(16, os.getppid(), 0, 0) != 0
status = open("/proc/self/status").read()
assert "CapEff:\\t0000000000000000" in status and "NoNewPrivs:\\t1" in status
for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/1/mem", "/proc/1/environ"):
    try: open(path, "r+").close()
    except OSError: pass
    else: raise SystemExit(path)
"""
    outcome = await run_python(source)
    assert outcome.status == "passed", outcome.output


async def test_the_environment_tells_nothing(unsafe: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    outcome = await run_python("import os; print(sorted(os.environ))", unsafe=unsafe)
    assert "SECRET" not in outcome.output
    assert "PATH" in outcome.output


async def test_a_folder_can_be_changed_and_its_neighbour_cannot(wall: str, tmp_path: Path) -> None:
    folder, neighbour = tmp_path / "copy", tmp_path / "neighbour"
    folder.mkdir()
    neighbour.mkdir()
    (folder / "link").symlink_to(neighbour)
    (folder / "old.txt").write_text("old")
    script = f"echo new > new.txt; rm old.txt; echo no > {neighbour}/x; echo no > link/x; echo no > ../x; pwd"
    outcome = await run_command(["sh", "-c", script], folder=folder)
    assert outcome.exit_code == 0 and outcome.output.splitlines()[-1] == str(folder)
    assert (folder / "new.txt").read_text() == "new\n" and not (folder / "old.txt").exists()
    assert list(neighbour.iterdir()) == [] and not (tmp_path / "x").exists()


async def test_what_is_made_visible_can_be_read_and_not_changed(wall: str, tmp_path: Path) -> None:
    folder, library = tmp_path / "copy", tmp_path / "library"
    folder.mkdir()
    library.mkdir()
    (library / "answer.txt").write_text("42")
    script = f"cat {library}/answer.txt; rm {library}/answer.txt"
    outcome = await run_command(["sh", "-c", script], folder=folder, visible=[library])
    assert outcome.output.startswith("42") and outcome.status == "failed"
    assert (library / "answer.txt").read_text() == "42"


async def test_a_copy_stands_where_the_original_does(wall: str, tmp_path: Path) -> None:
    original, copy, library = tmp_path / "original", tmp_path / "copy", tmp_path / "original" / "library"
    for folder in (library, copy / "inner"):
        folder.mkdir(parents=True)
    (original / "kept.txt").write_text("original")
    (library / "answer.txt").write_text("42")
    (copy / "kept.txt").write_text("copy")
    script = f"pwd; cat {original}/kept.txt; cat ../library/answer.txt; echo x > ../kept.txt; echo y > ../library/y"
    outcome = await run_command(["sh", "-c", script], folder=copy, place=original, start="inner", visible=[library])
    assert outcome.output.startswith(f"{original}/inner\ncopy42") and outcome.status == "failed"
    assert (original / "kept.txt").read_text() == "original" and (copy / "kept.txt").read_text() == "x\n"
    assert [path.name for path in library.iterdir()] == ["answer.txt"]


async def test_a_folder_on_the_disk_has_a_limit_too(wall: str, tmp_path: Path) -> None:
    if not psutil.disk_io_counters():
        pytest.skip("NO DISK HERE whose writes are counted")
    script = "i=0; while true; do i=$((i+1)); head -c 8388608 /dev/zero > $i; done"
    outcome = await run_command(["sh", "-c", script], folder=tmp_path, limits=Limits(wall_s=60, disk_bytes=32 * MIB))
    assert (outcome.status, outcome.reason) == ("killed", "disk")


async def test_a_file_that_grows_too_large_ends_its_program(wall: str, tmp_path: Path) -> None:
    argv = [sys.executable, "-S", "-c", "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n"
            "with open('x', 'wb') as f:\n while True: f.write(bytes(1 << 16))"]  # fmt: skip
    outcome = await run_command(argv, folder=tmp_path, limits=Limits(file_bytes=MIB))
    assert (outcome.status, outcome.reason) == ("killed", "file size")


async def test_a_command_that_is_not_there_is_a_failure_with_its_name(unsafe: bool, tmp_path: Path) -> None:
    outcome = await run_command(["no-such-command"], folder=tmp_path, unsafe=unsafe)
    assert (outcome.status, outcome.exit_code) == ("failed", 127)
    assert "no-such-command cannot be started" in outcome.output


async def test_a_test_runner_runs_in_a_copy(wall: str, tmp_path: Path) -> None:
    (tmp_path / "test_sum.py").write_text("def test_sum(): assert 1 + 1 == 2\ndef test_wrong(): assert 1 + 1 == 3\n")
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    environment = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    outcome = await run_command(argv, folder=tmp_path, limits=Limits(wall_s=60, cpu_s=60), environment=environment)
    assert (outcome.status, outcome.exit_code) == ("failed", 1), outcome.output
    assert "1 failed, 1 passed" in outcome.output


async def test_a_run_that_nobody_waits_for_any_more_ends(marker: str, unsafe: bool) -> None:
    source = (
        f"import sys, subprocess\nsubprocess.run([sys.executable, '-c', 'import time; time.sleep(600)', '{marker}'])"
    )
    task = asyncio.create_task(run_python(source, limits=Limits(wall_s=600), unsafe=unsafe))
    await until_running(marker)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_run_ends_when_the_process_that_asked_dies(marker: str, unsafe: bool) -> None:
    inner = (
        f"import sys, subprocess; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)', '{marker}'])"
    )
    script = (
        "import asyncio; from codefuse_lsp.execution.run import run_python; "
        "from codefuse_lsp.execution.limits import Limits; "
        f"asyncio.run(run_python({inner!r}, limits=Limits(wall_s=600), unsafe={unsafe}))"
    )
    words = [sys.executable, "-c", script]
    asking = await asyncio.create_subprocess_exec(*words, env=os.environ | {"PYTHONPATH": str(ROOT)})
    try:
        await until_running(marker)
    finally:
        asking.send_signal(signal.SIGKILL)
        await asking.wait()
    async with asyncio.timeout(30):
        while running(marker):
            await asyncio.sleep(0.02)


async def test_many_runs_go_at_once_and_are_told_apart(wall: str) -> None:
    outcomes = await asyncio.gather(*(run_python(f"print({number})") for number in range(8)))
    assert [outcome.output for outcome in outcomes] == [f"{number}\n" for number in range(8)]


async def test_where_there_are_no_walls_nothing_runs_and_the_reason_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(run, "candidates", lambda: ["namespaces"])
    monkeypatch.setattr(run, "_refusals", {"namespaces": "unshare: Operation not permitted"})
    ran = tmp_path / "ran"
    with pytest.raises(SandboxUnavailable, match=r"namespaces: unshare: Operation not permitted.*--unsafe"):
        await run_python(f"open({str(ran)!r}, 'w')")
    assert not ran.exists()


async def test_a_refusal_of_the_system_is_found_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bubblewrap that is none stands for a system that has it and refuses."""
    monkeypatch.setattr(run, "candidates", lambda: ["bubblewrap"])
    monkeypatch.setattr(run, "_refusals", {})
    monkeypatch.setattr(walls.shutil, "which", lambda name: "/bin/false")
    with pytest.raises(SandboxUnavailable, match="bubblewrap: it ended without a word"):
        await find_wall()


async def test_the_next_wall_is_tried_where_one_is_refused(monkeypatch: pytest.MonkeyPatch, wall: str) -> None:
    monkeypatch.setattr(run, "candidates", lambda: ["bubblewrap", wall])
    monkeypatch.setattr(run, "_refusals", {"bubblewrap": "No permissions to create new namespace"})
    assert await find_wall() == wall


async def test_bubblewrap_walls_in_as_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if shutil.which("bwrap") is None:
        pytest.skip("NO BUBBLEWRAP: install bubblewrap to test it as a wall")
    monkeypatch.setattr(run, "candidates", lambda: ["bubblewrap"])
    monkeypatch.setattr(run, "_refusals", {})
    with contextlib.suppress(SandboxUnavailable):
        await find_wall()
    if run._refusals["bubblewrap"]:
        pytest.skip(f"NO BUBBLEWRAP: {run._refusals['bubblewrap']}")
    (tmp_path / "kept.txt").write_text("precious")
    source = f"""
import os, socket
for act in (lambda: os.remove({str(tmp_path / "kept.txt")!r}), lambda: os.mkdir("/x"), lambda: os.mkdir("/dev/x"),
            lambda: open("/usr/x", "w"), lambda: socket.create_connection(("192.0.2.1", 80))):
    try: act()
    except OSError: pass
    else: raise SystemExit("it could")
while True: pass
"""
    outcome = await run_python(source, limits=SHORT)
    assert outcome.status == "timed_out", outcome
    folder = tmp_path / "copy"
    folder.mkdir()
    assert (await run_command(["touch", "x"], folder=folder)).status == "passed"
    assert (folder / "x").exists() and (tmp_path / "kept.txt").exists()


def test_an_ordinary_user_has_walls_of_namespaces_too(tmp_path: Path) -> None:
    """Root needs no user namespace, so where the tests run as root this is a process of somebody else."""
    python = next((path for path in ("/usr/bin/python3", "/usr/local/bin/python3") if Path(path).exists()), None)
    if os.getuid() or python is None:
        pytest.skip("NO OTHER USER: these tests run as an ordinary user already, or there is no Python for another")
    source = """
import os
try: os.mkdir("/usr/x")
except OSError: print(os.getuid(), "no", flush=True)
while True:
    try: os.fork()
    except OSError: pass
"""
    script = f"""
import asyncio, sys
if sys.version_info < (3, 11): raise SystemExit(77)
sys.path.insert(0, {str(tmp_path)!r})
from codefuse_lsp.errors import SandboxUnavailable
from codefuse_lsp.execution.run import run_python
try: outcome = asyncio.run(run_python({source!r}))
except SandboxUnavailable as error: raise SystemExit(f"NO SANDBOX: {{error}}")
print(outcome.status, outcome.reason, outcome.output)
"""
    shutil.copytree(ROOT / "codefuse_lsp", tmp_path / "codefuse_lsp", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in (tmp_path, *tmp_path.parents):
        if str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    found = subprocess.run(
        [python, "-c", script], capture_output=True, text=True, user=65534, group=65534, extra_groups=[], cwd="/"
    )
    if found.returncode == 77 or "NO SANDBOX" in found.stderr:
        pytest.skip(f"NO SANDBOX FOR AN ORDINARY USER: {found.stderr.strip() or python}")
    assert found.stdout.startswith("killed processes 65534 no"), found
