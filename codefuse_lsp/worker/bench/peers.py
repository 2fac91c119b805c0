"""The `peers` suite: every engine that is installed here, on the same weights, beside ours.

A peer that is missing, or that does not start, has a row that says why.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from codefuse_lsp.worker.bench import gguf_runner, gguf_writer, llama, speed
from codefuse_lsp.worker.bench.contest import Contestant
from codefuse_lsp.worker.bench.continuous import ContinuousBatching
from codefuse_lsp.worker.bench.measure import Row, Target
from codefuse_lsp.worker.bench.ours import Ours
from codefuse_lsp.worker.bench.served import Served, free_port, openai
from codefuse_lsp.worker.bench.speed import Other, Targets
from codefuse_lsp.worker.bench.stand import Missing, Stand, sentence

SUITE = "peers"
PROBE = "def add(a, b):\n"
SERVE_NEEDS = ("fastapi", "openai", "uvicorn", "pydantic", "multipart")


def _times(bound: float) -> Target:
    return Target("ratio", ">=", bound)


GENERATE = Targets(_times(55), None, _times(2), _times(5))
CONTINUOUS = Targets(_times(2), at_once=_times(2))
# What the transformers runner promises beside a native build; the loss in decode is said openly.
LLAMA = Targets(_times(0.8), _times(1.5), _times(0.4))
NOTHING = Targets()

# The GGUF runner against the same library run by its own server.
SAME_LIBRARY = Targets(_times(0.95), decode=_times(0.95))

MEASURES: dict[str, Callable[[Stand, list[Other]], list[Row]]] = {
    "next keystroke": lambda stand, others: speed.keystroke(stand, SUITE, others, ("next keystroke",)),
    "cold prefill and decode": lambda stand, others: speed.cold(stand, SUITE, others),
    "at once": lambda stand, others: speed.at_once(stand, SUITE, others),
}


def beside_the_same_library(stand: Stand) -> list[Row]:
    """Return the rows of our GGUF runner beside the server of the same library."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="codefuse-lsp-bench-")))
        runner = stack.enter_context(closing(_gguf_runner(stand, folder)))
        server = stack.enter_context(closing(_wheel(stand, folder)))
        aside = stand.with_engine(runner)
        rows = [row for measure in MEASURES.values() for row in measure(aside, [Other(server, SAME_LIBRARY)])]
    return [replace(row, measure=f"GGUF runner: {row.measure}") for row in rows]


@dataclass(frozen=True, slots=True)
class Peer:
    """An engine that may be installed here: how it is started, and what ours promises beside it."""

    name: str
    start: Callable[[Stand, Path], Contestant]  # with a folder for its files
    targets: Targets


@contextmanager
def started(stand: Stand, wanted: Sequence[Peer] | None = None) -> Iterator[tuple[list[Other], list[Row]]]:
    """Start peers, all or those wanted; gives those that answer, and rows of the others. They end with the block."""
    others, missing = [], []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="codefuse-lsp-bench-")))
        _ = stand.plain_model  # before our engine changes the modules around the tensors
        for peer in PEERS if wanted is None else wanted:
            stand.report(f"Starting {peer.name}", None)
            try:
                runner = peer.start(stand, folder)
                stack.callback(runner.close)
                runner.answer([PROBE], 2)
                others.append(Other(runner, peer.targets))
            except Exception as error:  # whatever keeps a stranger's engine from running is told in its row
                missing.append(Row(SUITE, "all", peer.name, "", "", status="skipped", note=sentence(error)))
        yield others, missing


def _gguf_runner(stand: Stand, folder: Path) -> Ours:
    if importlib.util.find_spec("xllamacpp") is None:
        raise Missing("The wheel xllamacpp is not installed.")
    return gguf_runner.start(stand, _gguf(stand, folder, "BF16"))


def _generate(stand: Stand, folder: Path) -> Contestant:
    return stand.generate


def _continuous(stand: Stand, folder: Path) -> Contestant:
    return ContinuousBatching(stand.fresh_model(), stand.loaded.tokenizer)


def _transformers_serve(stand: Stand, folder: Path) -> Contestant:
    if absent := [name for name in SERVE_NEEDS if importlib.util.find_spec(name) is None]:
        raise Missing(f"`transformers serve` needs {', '.join(absent)}: pip install transformers[serving]")
    loaded, port = stand.loaded, free_port()
    model = str(_checkpoint(stand))
    where = ["--device", loaded.device, "--dtype", stand.plain_dtype]
    sizes = [] if stand.on_cuda else ["--cb-num-blocks", "512", "--cb-max-batch-tokens", "512"]
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", model, *where, "--port", str(port)]
    command += ["--continuous-batching", "--cb-block-size", "32", *sizes]
    return Served("transformers serve, continuous batching", command, port, openai(model), stand.plan.threads)


def _native(kind: gguf_writer.Kind) -> Callable[[Stand, Path], Contestant]:
    def start(stand: Stand, folder: Path) -> Contestant:
        if not stand.plan.llama_server:
            raise Missing("No llama.cpp server is named; name a native build's with --llama-server PATH.")
        file = _gguf(stand, folder, kind)
        return llama.native(stand.plan.llama_server, file, stand.loaded.tokenizer, stand.plan.threads, kind)

    return start


def _wheel(stand: Stand, folder: Path) -> Contestant:
    if importlib.util.find_spec("xllamacpp") is None:
        raise Missing("The wheel xllamacpp is not installed.")
    return llama.wheel(_gguf(stand, folder, "BF16"), stand.loaded.tokenizer, stand.plan.threads, "BF16")


def _gguf(stand: Stand, folder: Path, kind: gguf_writer.Kind) -> Path:
    """Return the weights as a GGUF file, written once a run."""
    if stand.on_cuda:
        raise Missing("llama.cpp is measured on the CPU only: the builds that are looked for here have no CUDA.")
    path = folder / f"{kind}.gguf"
    if not path.exists():
        gguf_writer.write(_checkpoint(stand), path, kind)
    return path


def _checkpoint(stand: Stand) -> Path:
    """Return the folder of the weights."""
    if stand.plan.random_weights:
        raise Missing("Random weights lie in no folder that another engine could read.")
    return stand.loaded.folder


IN_PROCESS = (  # which run any model that is in memory
    Peer("generate", _generate, GENERATE),
    Peer("transformers' continuous batching", _continuous, CONTINUOUS),
)
PEERS = (
    *IN_PROCESS,
    Peer("transformers serve", _transformers_serve, NOTHING),
    Peer("llama.cpp native BF16", _native("BF16"), LLAMA),
    Peer("llama.cpp native Q8_0", _native("Q8_0"), NOTHING),
    Peer("llama.cpp in xllamacpp BF16", _wheel, NOTHING),
)
