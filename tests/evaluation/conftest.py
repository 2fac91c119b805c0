from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from codefuse_lsp.generation import launcher
from tests.e2e.far_end import FarEnd

DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
async def far_end() -> AsyncIterator[FarEnd]:
    async with FarEnd() as there:
        yield there


def write_rows(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def shared(name: str) -> Path:
    """Return a file of published data, which its place and not this repository keeps."""
    if not (DATA / name).exists():
        pytest.skip(f"NO DATA TO MEASURE ON: {DATA / name} is not here")
    return DATA / name


@pytest.fixture
def worker_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place of our own for workers, which are ended afterwards."""
    folder = Path(tempfile.mkdtemp())
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    yield folder
    for worker in launcher.workers():
        launcher.stop(worker)
    shutil.rmtree(folder)
