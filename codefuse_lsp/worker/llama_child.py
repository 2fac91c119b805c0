"""The process that holds llama.cpp, so that its settings, its logging and its death are its own.

In: a line of JSON on stdin that says whether GPUs are wanted, then one that says what to load; its parent keeps stdin
open. Out: a line of JSON on stdout with the devices, then one with the address of the HTTP server. Run by its path;
imports nothing of this package.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

ERRORS_ONLY = 1  # llama.cpp's log level; the higher ones tell what is asked
ALL_LAYERS = -1


def main() -> None:
    """Serve until the parent closes stdin, or is gone."""
    wanted = json.loads(sys.stdin.readline())
    try:
        import xllamacpp
    except ImportError as error:
        return _tell({"missing": str(error)})
    _tell({"devices": _gpus(xllamacpp) if wanted["gpu"] else []})
    line = sys.stdin.readline()
    if not line:
        return None  # what was found does not suit the parent
    os.umask(0o177)  # the socket is for its owner only
    try:
        server = xllamacpp.Server(_params(xllamacpp, json.loads(line)))
    except Exception as error:  # the reason stands on stderr
        return _tell({"failed": str(error)})
    _tell({"address": server.listening_address})
    sys.stdin.read()
    os._exit(0)  # at once, whatever is being computed


def _params(xllamacpp: Any, wanted: dict[str, Any]) -> Any:
    params = xllamacpp.CommonParams()
    params.model.path = wanted["path"]
    params.n_parallel = wanted["num_slots"]
    params.n_ctx = wanted["num_slots"] * wanted["context_length"]
    params.n_batch = params.n_ubatch = wanted["batch"]
    params.n_gpu_layers = ALL_LAYERS if wanted["gpu"] else 0
    params.fit_params = wanted["gpu"]  # layers that do not fit on the GPU stay on the CPU
    params.fit_params_min_ctx = params.n_ctx  # never at the cost of the context
    if (allowed := _allowed_cores()) < (os.cpu_count() or 1):
        params.cpuparams.n_threads = allowed  # else llama.cpp counts those that it may not use, too
    params.kv_unified = False  # a slot attends to its own text only
    params.cache_ram_mib = 0  # texts that lose their slot are forgotten: memory stays bounded
    params.hostnames, params.port, params.api_keys = [wanted["host"]], 0, [wanted["key"]]
    params.cors_origins = "localhost"
    params.ui = params.endpoint_slots = params.enable_chat_template = params.warmup = False
    params.verbosity = ERRORS_ONLY
    return params


def _allowed_cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux tells
        return os.cpu_count() or 1


def _gpus(xllamacpp: Any) -> list[dict[str, Any]]:
    kinds = xllamacpp.ggml_backend_dev_type
    gpu = {int(kinds.GGML_BACKEND_DEVICE_TYPE_GPU), int(getattr(kinds, "GGML_BACKEND_DEVICE_TYPE_IGPU", 2))}
    found = [device for device in xllamacpp.get_device_info() if int(device["type"]) in gpu]
    return [{"name": device["name"], "free": device["memory_free"]} for device in found]


def _tell(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
