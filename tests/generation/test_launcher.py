from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from codefuse_lsp.config import Settings
from codefuse_lsp.errors import WorkerFailed
from codefuse_lsp.generation import launcher
from codefuse_lsp.generation.connection import Connection
from codefuse_lsp.generation.request import GenerationRequest


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime folder of our own, with a path short enough for a socket; its workers are ended afterwards."""
    folder = Path(tempfile.mkdtemp())
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    for worker in launcher.workers():
        launcher.stop(worker)
    shutil.rmtree(folder)


@pytest.fixture
def settings(tiny_llama: Path) -> Settings:
    return Settings(model=str(tiny_llama), device="cpu", dtype="float32", kv_slots=2)


def pids() -> set[int]:
    return {worker["pid"] for worker in launcher.workers()}


def gone(pid: int) -> bool:
    try:
        psutil.Process(pid).wait(timeout=20)
    except psutil.NoSuchProcess:
        return True
    return True


def test_three_that_start_at_once_share_one_worker(home: Path, settings: Settings) -> None:
    with ThreadPoolExecutor(3) as pool:
        addresses = list(pool.map(launcher.find_or_start, [settings] * 3))
    assert len(set(addresses)) == 1
    assert len(pids()) == 1


async def test_a_worker_answers_and_serves_whoever_comes_later(home: Path, settings: Settings) -> None:
    told: list[str] = []
    client = await launcher.connect(settings, lambda message, fraction: told.append(message))
    later = await launcher.connect(settings, lambda message, fraction: None)
    request = GenerationRequest("x = ", max_tokens=3, temperature=0.0, ignore_eos=True)
    texts = ["".join([chunk.text async for chunk in each.generate(request)]) for each in (client, later)]
    assert texts[0] == texts[1] != ""
    assert len(pids()) == 1
    for each in (client, later):
        await each.close()


def test_what_a_killed_worker_left_behind_is_cleaned_up(home: Path, settings: Settings) -> None:
    launcher.find_or_start(settings)
    (first,) = pids()
    os.kill(first, signal.SIGKILL)
    assert gone(first)
    launcher.find_or_start(settings)
    assert pids() and pids() != {first}


def test_another_model_and_other_code_get_a_worker_of_their_own(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = launcher.worker_key(settings)
    assert launcher.worker_key(replace(settings, model="smollm2")) != key
    assert launcher.worker_key(replace(settings, context_length=128)) != key
    assert launcher.worker_key(replace(settings, system_prompt="be brief")) == key
    monkeypatch.setattr(launcher, "package_digest", lambda: "another version")
    assert launcher.worker_key(settings) != key


def test_an_idle_worker_leaves_and_takes_its_files_along(home: Path, settings: Settings) -> None:
    launcher.find_or_start(replace(settings, idle_minutes=0.001))
    (pid,) = pids() or {0}
    assert pid == 0 or gone(pid)
    assert launcher.workers() == []
    assert not list(launcher.runtime_dir().glob("*.sock"))


async def test_whoever_comes_back_after_the_worker_left_gets_another_without_a_word(
    home: Path, settings: Settings
) -> None:
    states: list[str] = []
    connection = Connection(settings, lambda status: states.append(status.state))
    request = GenerationRequest("x = ", max_tokens=3, temperature=0.0, ignore_eos=True)
    first = "".join([chunk.text async for chunk in connection.generate(request)])
    (worker,) = launcher.workers()
    launcher.stop(worker)
    again = "".join([chunk.text async for chunk in connection.generate(request)])
    assert again == first
    (worker,) = launcher.workers()
    launcher.stop(worker)
    assert await connection.count_tokens("x = ") == 3
    assert "failed" not in states
    await connection.close()


def test_stop_ends_a_worker(home: Path, settings: Settings) -> None:
    launcher.find_or_start(settings)
    (worker,) = launcher.workers()
    launcher.stop(worker)
    assert gone(worker["pid"])
    assert launcher.workers() == []


def test_who_was_told_of_no_session_means_the_worker_of_the_same_users_session(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = launcher.runtime_dir()
    usual = f"/run/user/{os.getuid()}"
    monkeypatch.setattr(launcher, "Path", lambda path: home if path == usual else Path(path))
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert launcher.runtime_dir() == told
    monkeypatch.setattr(launcher, "Path", lambda path: home / "nowhere" if path == usual else Path(path))
    assert launcher.runtime_dir() != told  # a machine without such sessions


async def test_a_worker_that_cannot_load_its_model_tells_why(home: Path, settings: Settings) -> None:
    with pytest.raises(WorkerFailed, match="nowhere"):
        await launcher.connect(replace(settings, model=str(home / "nowhere")), lambda message, fraction: None)


def test_only_its_owner_can_enter_the_folder_of_sockets(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = launcher.runtime_dir()
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    other = launcher.runtime_dir()
    assert other != folder and other.stat().st_mode & 0o777 == 0o700


def test_without_unix_sockets_the_worker_listens_on_loopback_with_a_key(
    home: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("socket.AF_UNIX")
    address = launcher.find_or_start(settings)
    assert address.socket is None
    assert address.url.startswith("http://127.0.0.1:")
    assert len(address.key) > 30
    assert launcher.find_or_start(settings) == address
