"""From the settings to a model in memory, ready to run.

Input: settings. Output: a LoadedModel, or a ModelError whose sentence says what is wrong and what to do. Never uses the
network, and runs code of a checkpoint only when `trust_remote_code` says so. Knows nothing of requests.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codefuse_lsp.config import Settings
from codefuse_lsp.errors import ModelError, NotEnoughMemory
from codefuse_lsp.worker.checkpoint import find, model_name, read_config
from codefuse_lsp.worker.preflight import (
    RESERVE,
    SMALLEST_INT4,
    Placement,
    num_weights,
    preflight,
    stored_dtype,
    works_in_half,
)
from codefuse_lsp.worker.tokenizer import Tokenizer, load_tokenizer

__all__ = ["LoadedModel", "find", "load", "load_tokenizer", "model_name", "preflight"]

# What transformers needs beside itself for checkpoints that are quantised already.
PACKAGES = {
    "awq": "gptqmodel",
    "bitsandbytes": "bitsandbytes",
    "compressed-tensors": "compressed-tensors",
}
log = logging.getLogger(__name__)
Report = Callable[[str, float | None], None]


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in eval mode on its device, with its tokenizer."""

    model: Any
    tokenizer: Tokenizer
    name: str
    folder: Path
    device: str  # cuda, mps or cpu
    dtype: str
    max_model_len: int  # tokens of prompt and answer together

    @property
    def eos_ids(self) -> tuple[int, ...]:
        """The ids of the tokens that end an answer."""
        return self.tokenizer.eos_ids

    @property
    def chat_template(self) -> str | None:
        """The checkpoint's own chat template."""
        return self.tokenizer.chat_template


def load(settings: Settings, report: Report) -> LoadedModel:
    """Return the model that the settings name, in memory; raises ModelError."""
    folder = find(settings)
    name = model_name(folder)
    report(f"Loading {name}", None)
    _keep_quiet()
    placement = preflight(folder, settings)
    tokenizer = load_tokenizer(folder, settings.trust_remote_code)
    with _told_in_words(folder, placement), _progress(placement, lambda part: report(f"Loading {name}", part)):
        model = _read(folder, placement, settings)
    rows = model.get_input_embeddings().weight.shape[0]
    if tokenizer.vocab_size > rows:
        raise ModelError(
            f"{name}: its tokenizer has {tokenizer.vocab_size} tokens, the model knows {rows}; "
            f"the tokenizer files in {folder} belong to another model."
        )
    if placement.device == "cpu":
        from codefuse_lsp.worker.cpu import make_ready

        make_ready(model, placement.dtype)
    elif placement.device == "cuda":
        from codefuse_lsp.worker import cuda

        cuda.make_ready(model)
    report(f"Loading {name}", 1.0)
    return LoadedModel(model, tokenizer, name, folder, placement.device, placement.dtype, placement.max_model_len)


def _read(folder: Path, placement: Placement, settings: Settings) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    options: dict[str, Any] = {"dtype": getattr(torch, _dtype_in_memory(folder, placement))}
    if placement.device == "cuda":
        options |= {"device_map": "auto", "max_memory": _max_memory(placement)}
    options |= _quantization(folder, placement, settings)
    loaded: Any = AutoModelForCausalLM.from_pretrained(
        folder,
        local_files_only=True,
        trust_remote_code=settings.trust_remote_code,
        weights_only=True,  # a .bin file is a pickle: it may hold tensors, never code to run
        attn_implementation="sdpa",
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # they are looked for below, where they get a sentence
        **options,
    )
    model, found = loaded
    _check_complete(folder, found)
    _check_on_gpu(folder, placement, model)
    if placement.device != "cuda":
        model = model.to(placement.device)
    return model.eval().requires_grad_(False)


def _dtype_in_memory(folder: Path, placement: Placement) -> str:
    """Return the format that weights are read into: as stored, where they are packed in fp16 afterwards."""
    stored = stored_dtype(read_config(folder))
    packed_later = (placement.device, placement.dtype, stored) == ("cpu", "float16", "bfloat16")
    return stored if packed_later and works_in_half() else placement.dtype


def _check_complete(folder: Path, found: dict[str, Any]) -> None:
    """Refuse a model some of whose tensors transformers would make up."""
    if mismatched := sorted(found["mismatched_keys"]):
        name, has, wants = mismatched[0]
        raise ModelError(
            f"The weights in {folder} do not fit its config.json: {name} has the shape {list(has)}, not {list(wants)}."
        )
    if missing := sorted(found["missing_keys"]):
        raise ModelError(
            f"The weights in {folder} lack {len(missing)} of the model's tensors, such as {missing[0]}; "
            "config.json and the weights belong to different models, or a file was not copied."
        )


def _check_on_gpu(folder: Path, placement: Placement, model: Any) -> None:
    """Refuse a model that accelerate has spread to the CPU or the disk, where it would crawl."""
    elsewhere = {str(place) for place in getattr(model, "hf_device_map", {}).values()} & {"cpu", "disk"}
    if elsewhere and placement.device == "cuda":
        raise NotEnoughMemory(
            f"{model_name(folder)} does not fit on the GPU as it is split there; "
            "set quantization = int4, or a smaller kv_slots or context_length."
        )


def _max_memory(placement: Placement) -> dict[int, int]:
    """Return the bytes of weights that each GPU may take, so that each keeps room for its layers' keys and values."""
    import torch

    count = torch.cuda.device_count()
    kept = placement.kv_bytes // count + RESERVE["cuda"] // count
    return {i: max(0, torch.cuda.mem_get_info(i)[0] - kept) for i in range(count)}


def _quantization(folder: Path, placement: Placement, settings: Settings) -> dict[str, Any]:
    """Return what transformers must be told of how a model is quantised, or was; raises ModelError."""
    from codefuse_lsp.worker import gptq, quantization

    if stored_as := gptq.read_format(folder):
        if reason := quantization.why_not("int4", placement.device):
            raise ModelError(
                f"{model_name(folder)} holds 4-bit weights, which do not work on this {placement.device} ({reason}); "
                "set device = cpu, or use the model in its unrounded form."
            )
        return {"config": gptq.config_of(folder, stored_as, settings.trust_remote_code)}
    if settings.quantization == "none":
        return {}
    if reason := quantization.why_not(settings.quantization, placement.device):
        log.warning("torch's own %s kernels do not work on %s: %s", settings.quantization, placement.device, reason)
        if settings.quantization == "int4" and num_weights(folder, read_config(folder)) < SMALLEST_INT4:
            raise ModelError(f"int4 would spoil {model_name(folder)}, which is small; set quantization = int8.")
        return {"quantization_config": _bitsandbytes(settings.quantization, placement, reason)}
    return {"quantization_config": quantization.WeightOnly(settings.quantization)}


def _bitsandbytes(kind: str, placement: Placement, reason: str) -> Any:
    """Return bitsandbytes' options; int4 is NF4, better than plain int4 (QLoRA, Dettmers et al., 2023)."""
    import torch
    from transformers import BitsAndBytesConfig

    if placement.device != "cuda":
        raise ModelError(f"quantization = {kind} does not work on this {placement.device} ({reason}); set it to none.")
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError(
            f"quantization = {kind} needs bitsandbytes on this GPU ({reason}); "
            f"run `{sys.executable} -m pip install bitsandbytes`."
        )
    if kind == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    dtype = getattr(torch, placement.dtype)
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)


def _keep_quiet() -> None:
    """Keep transformers off the network and off the terminal."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


@contextlib.contextmanager
def _progress(placement: Placement, report: Callable[[float], None]) -> Iterator[None]:
    """Report how much of the weights has come, by the memory they take: transformers does not tell."""
    done, before = threading.Event(), _used_bytes(placement.device)

    def watch() -> None:
        while not done.wait(0.25):
            part = (_used_bytes(placement.device) - before) / max(1, placement.weight_bytes)
            report(min(0.99, max(0.0, part)))

    watcher = threading.Thread(target=watch, name="loading", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _used_bytes(device: str) -> int:
    import psutil
    import torch

    if device == "cuda":
        return sum(torch.cuda.memory_allocated(i) for i in range(torch.cuda.device_count()))
    return int(psutil.Process().memory_info().rss)


@contextlib.contextmanager
def _told_in_words(folder: Path, placement: Placement) -> Iterator[None]:
    """Turn what loading raises into one sentence."""
    try:
        yield
    except ModelError:
        raise
    except ImportError as error:
        raise ModelError(_package_missing(folder, error)) from None
    except Exception as error:  # transformers, its quantisers and a checkpoint's own code raise all kinds
        text = " ".join(str(error).split())
        if isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text:
            raise NotEnoughMemory(_out_of_memory(folder, placement)) from None
        raise ModelError(_cannot_load(folder, text or type(error).__name__)) from None


def _cannot_load(folder: Path, reason: str) -> str:
    name = model_name(folder)
    kind = read_config(folder).get("model_type")
    if "trust_remote_code" in reason:
        return (
            f"{name} loads only with its own Python code; read it in {folder}, "
            "and if you trust it set trust_remote_code = true."
        )
    if "does not recognize this architecture" in reason:
        return f"{name} is of a kind ({kind}) that the installed transformers does not know; a newer one may."
    if "Unrecognized configuration class" in reason:
        return f"{name} is of a kind ({kind}) that does not continue text; choose a causal language model."
    return f"The model in {folder} cannot be loaded: {_shortened(reason)}"


def _package_missing(folder: Path, error: ImportError) -> str:
    quantized = read_config(folder).get("quantization_config")
    method = quantized.get("quant_method", "") if isinstance(quantized, dict) else ""
    package = PACKAGES.get(method) or (error.name or "").partition(".")[0]
    how = f"run `{sys.executable} -m pip install {package}`." if package else _shortened(" ".join(str(error).split()))
    return f"{model_name(folder)} needs a package that is not installed: {how}"


def _out_of_memory(folder: Path, placement: Placement) -> str:
    return (
        f"Memory ran out on {placement.device} while {model_name(folder)} was loaded "
        f"(about {placement.needed_bytes / (1 << 30):.1f} GiB are needed). Free some, or set a smaller kv_slots"
        + (" or quantization = int4." if placement.device == "cuda" else ".")
    )


def _shortened(text: str, limit: int = 300) -> str:
    return text if len(text) <= limit else text[:limit].rpartition(" ")[0] + " …"
