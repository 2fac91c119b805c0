"""llama.cpp as a contestant: a native build's server, the wheel `xllamacpp`, or Python with llama-cpp-python.

Each is started on a GGUF file, with one slot for each of the prompts that are asked at once and its prompt cache on.
The name tells the build: what the same source does depends on the instructions that it was compiled for.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.worker.bench.served import Served, free_port, llama_cpp, openai
from codefuse_lsp.worker.tokenizer import Tokenizer

SLOTS = 8  # prompts at once
SLOT_TOKENS = 2048
PROBE = "def add(a, b):\n    return a + b  # 1234\n"

# The wheel's server listens for as long as the object lives.
XLLAMACPP = """
import sys, threading, xllamacpp
model, port, threads, slots, context = sys.argv[1:]
params = xllamacpp.CommonParams()
params.model.path, params.port, params.hostnames = model, int(port), ["127.0.0.1"]
params.n_parallel, params.n_ctx = int(slots), int(context)
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = int(threads)
print("system_info:", xllamacpp.get_system_info(), flush=True)
server = xllamacpp.Server(params)
threading.Event().wait()
"""


def native(command: str, gguf: Path, tokenizer: Tokenizer, threads: int, kind: str) -> Served:
    """Start the server that `command` names: a llama.cpp server, or a Python that has llama_cpp."""
    words = shlex.split(command)
    program = shutil.which(words[0]) if words else None
    if program is None:
        raise CodeFuseError(f"{command!r} is no program; name llama.cpp's server with --llama-server.")
    port = free_port()
    if "python" in Path(program).name:
        context = ["--n_ctx", str(SLOT_TOKENS), "--n_threads", str(threads), "--n_threads_batch", str(threads)]
        listen = ["--host", "127.0.0.1", "--port", str(port)]
        server = [program, *words[1:], "-m", "llama_cpp.server", "--model", str(gguf), *context, *listen]
        return Served(f"llama-cpp-python {kind}", server, port, openai(str(gguf)), threads)
    sizes = ["-np", str(SLOTS), "-c", str(SLOTS * SLOT_TOKENS), "-t", str(threads), "-tb", str(threads)]
    listen = ["--host", "127.0.0.1", "--port", str(port)]
    server = [program, *words[1:]]
    build = build_of(_system_info(server))
    return _named("llama.cpp native", [*server, "-m", str(gguf), *sizes, *listen], port, tokenizer, kind, build)


def wheel(gguf: Path, tokenizer: Tokenizer, threads: int, kind: str) -> Served:
    """Start the server inside the wheel xllamacpp."""
    port = free_port()
    sizes = [str(threads), str(SLOTS), str(SLOTS * SLOT_TOKENS)]
    command = [sys.executable, "-c", XLLAMACPP, str(gguf), str(port), *sizes]
    return _named("llama.cpp in xllamacpp", command, port, tokenizer, kind)


def _named(what: str, command: list[str], port: int, tokenizer: Tokenizer, kind: str, build: str = "") -> Served:
    """Start a server of llama.cpp, name it with its build, and choose how prompts are sent to it."""
    server = Served(what, command, port, llama_cpp(tokenizer.encode), command_threads(command))
    # A text is what a client has, and tokenising it is work that ours does too; ids where its tokenizer differs.
    if server.post("/tokenize", {"content": PROBE}).get("tokens") == tokenizer.encode(PROBE):
        server.dialect = llama_cpp(lambda text: text)
    told = server.get("/props").get("build_info", "")
    server.name = f"{what} {kind} ({', '.join(part for part in (told, build or build_of(server.log())) if part)})"
    return server


def _system_info(program: list[str]) -> str:
    """Return what a server tells of its build before it finds that there is no such model."""
    try:
        told = subprocess.run([*program, "-m", os.devnull, "-lv", "4"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return told.stdout + told.stderr


def build_of(log: str) -> str:
    """Return the instruction sets that a log's system_info names, such as 'AVX2 AVX512'."""
    line = next((line for line in log.splitlines() if "system_info" in line), "")
    return " ".join(re.findall(r"\b((?:AVX|AMX|NEON|SVE|RVV|BF16|LLAMAFILE)\w*) = 1", line))


def command_threads(command: list[str]) -> int:
    """Return the number of threads that OpenMP may use beside what the command says."""
    return int(command[command.index("-t") + 1]) if "-t" in command else 1
