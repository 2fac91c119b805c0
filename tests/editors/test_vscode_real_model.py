"""The packed extension in the real workbench, with the real server and the real small model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.editors.vscode.fixtures import ROOT, SERVER, Chat, places, started, vsix
from tests.editors.workbench import STATUS, Workbench

__all__ = ["vsix"]  # a fixture


@pytest.mark.real_model
def test_the_real_small_model_completes_and_chats_and_its_worker_is_begun_anew_when_it_was_killed(
    vsix: Path, smollm2: Path, tmp_path: Path
) -> None:
    home = Path(tempfile.mkdtemp(prefix="cf-"))
    environment = {**places(home), "XDG_CACHE_HOME": str(smollm2.parents[2]), "XDG_RUNTIME_DIR": str(home / "run")}
    home.joinpath("run").mkdir(mode=0o700)
    stopping = {**os.environ, **environment, "PYTHONPATH": str(ROOT)}
    with Workbench(home, vsix, tmp_path, environment) as window, ExitStack() as afterwards:
        afterwards.callback(subprocess.run, [SERVER, "stop"], env=stopping, timeout=60, capture_output=True)
        window.workspace_settings(codefuse__completionTimeout=120)  # on a busy machine
        started(window, codefuse__model="smollm2", codefuse__chatMaxTokens=32)
        window.show("rectangle.py", "def rectangle_area(width, height):\n    return│\n")
        window.type(" ")
        window.run("Trigger Inline Suggestion")
        assert "width * height" in window.ghost()
        window.screenshot("real-model-ghost-text")
        chat = Chat(window)
        chat.begin()
        chat.ask("Say hello.")
        assert len(chat.answered().split()) > 2
        window.screenshot("real-model-chat")
        os.kill(worker_of(home), signal.SIGKILL)
        window.wait(f"{STATUS}:not([aria-label*='ready' i])")  # without being asked
        chat.begin()
        chat.ask("Say hello again.")
        assert len(chat.answered().split()) > 2
        window.status("ready")


def worker_of(home: Path) -> int:
    """Return the process of the worker that has announced itself in a home of its own."""
    announced = [json.loads(path.read_text("utf-8")) for path in home.joinpath("run").rglob("*.json")]
    return next(int(one["pid"]) for one in announced if "pid" in one)
