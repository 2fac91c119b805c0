"""What lies in a checkpoint folder, told without torch and in an instant.

Input: the setting `model`. Output: a folder that has what loading needs, its weight files, sizes and configuration, or
a GGUF file; or a ModelError that names the file that is missing or broken and what to do about it.
"""

from __future__ import annotations

import importlib.util
import json
import math
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codefuse_lsp.config import Settings
from codefuse_lsp.errors import ModelError, ModelNotFound
from codefuse_lsp.worker import embedded
from codefuse_lsp.worker.gguf_file import find_gguf

EMBEDDED = "smollm2"
WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
MAX_HEADER_BYTES = 100_000_000  # the safetensors format's own limit

_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+")
_LFS = b"version https://git-lfs"  # what git leaves in place of a large file that it did not fetch


@dataclass(frozen=True, slots=True)
class Stored:
    """The size of a checkpoint's weights; `numbers` is None where files do not tell (.bin)."""

    num_bytes: int
    numbers: int | None


def find(settings: Settings) -> Path:
    """Return the folder or GGUF file of the model that the settings name; raises ModelNotFound with what to do."""
    if settings.model == EMBEDDED:
        folder = embedded.installed()
        if folder is None:
            raise ModelNotFound(f"{embedded.NAME} is not here yet; run `codefuse-lsp download smollm2`.")
        return folder
    folder = Path(settings.model).expanduser().absolute()
    if not settings.model.strip() or not (folder.is_dir() or find_gguf(folder)):
        raise ModelNotFound(_why_not(settings.model, folder))
    checkpoint = (folder / "config.json").is_file() and any((folder / name).is_file() for name in WEIGHTS)
    if not checkpoint and (file := find_gguf(folder)) is not None:
        return file
    if not (folder / "config.json").is_file():
        raise ModelNotFound(_not_a_checkpoint(folder))
    weight_files(folder)
    return folder


def choose(settings: Settings) -> Path:
    """Return what the worker loads: a folder for transformers, or a GGUF file for llama.cpp; raises ModelNotFound.

    The embedded model goes to whichever is faster to ghost text, from cold and warm: on a CPU that is llama.cpp, where
    it is installed. The same weights lie in both files.
    """
    model = find(settings)
    file = embedded.installed_gguf() if settings.model == EMBEDDED else None
    as_stored = (settings.dtype, settings.quantization) == ("auto", "none") and settings.device in ("auto", "cpu")
    return file if file is not None and as_stored and importlib.util.find_spec("xllamacpp") else model


def model_name(folder: Path) -> str:
    """Return the name of a model by its folder, also in the Hugging Face cache's layout."""
    folder = folder.absolute()
    if folder.parent.name == "snapshots":  # models--org--name/snapshots/<revision>
        return folder.parent.parent.name.rpartition("--")[2]
    return folder.name


def read_config(folder: Path) -> dict[str, Any]:
    """Return the model's configuration; raises ModelError when it cannot be read."""
    config = _read_json(folder / "config.json")
    return config | (config["text_config"] if isinstance(config.get("text_config"), dict) else {})


def quantized(folder: Path) -> dict[str, Any] | None:
    """Return how a checkpoint was quantised, None if it was not; raises ModelError when that cannot be read.

    transformers writes it into config.json, AutoGPTQ into a file of its own, where it names no method.
    """
    facts = read_config(folder).get("quantization_config")
    if isinstance(facts, dict):
        return facts
    own = folder / "quantize_config.json"
    return {"quant_method": "gptq"} | _read_json(own) if own.is_file() else None


def weight_files(folder: Path) -> list[Path]:
    """Return the files that hold the weights; raises ModelNotFound naming one that is missing."""
    chosen = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if chosen is None:
        others = sorted(folder.glob("*.safetensors"))
        hint = f" Rename {others[0].name} to model.safetensors." if len(others) == 1 else ""
        raise ModelNotFound(
            f"{folder} has no weights: neither model.safetensors nor pytorch_model.bin nor an index of parts.{hint}"
        )
    if chosen.suffix != ".json":
        return [chosen]
    index = _read_json(chosen).get("weight_map")
    if not isinstance(index, dict) or not index:
        raise ModelError(f"{chosen} lists no files of weights; download it again.")
    files = [folder / name for name in sorted(set(index.values()))]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise ModelNotFound(
            f"{folder} lacks {missing[0]} ({len(missing)} of {len(files)} files of weights are missing)."
        )
    return files


def stored(folder: Path) -> Stored:
    """Return the size of the weights; raises ModelError naming a file that is cut short or damaged."""
    files = weight_files(folder)
    for file in files:
        with file.open("rb") as start:
            if start.read(len(_LFS)) == _LFS:
                raise ModelError(f"{file} is a Git LFS pointer, not the weights; run `git lfs pull` in {folder}.")
    num_bytes = sum(file.stat().st_size for file in files)
    if files[0].suffix == ".safetensors":
        return Stored(num_bytes, sum(_safetensors_numbers(file) for file in files))
    for file in files:
        with file.open("rb") as start:
            zipped = start.read(2) == b"PK"  # as torch has saved since 1.6; its table of contents stands at the end
        if zipped and not zipfile.is_zipfile(file):
            raise ModelError(f"{file} is cut short; download it again.")
    return Stored(num_bytes, None)


def _safetensors_numbers(file: Path) -> int:
    """Return how many numbers a safetensors file holds, having checked its header against its size."""
    size = file.stat().st_size
    with file.open("rb") as content:
        length = int.from_bytes(content.read(8), "little")
        if size < 8 or length > min(MAX_HEADER_BYTES, size - 8):
            raise ModelError(f"{file} is cut short or damaged (its header does not fit in it); download it again.")
        text = content.read(length)
    try:
        header = {name: entry for name, entry in json.loads(text).items() if name != "__metadata__"}
        end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
        numbers: int = sum(math.prod(entry["shape"]) for entry in header.values())
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        raise ModelError(f"{file} is damaged (its header cannot be read); download it again.") from None
    if size != 8 + length + end:
        raise ModelError(f"{file} is cut short: it has {size:,} of {8 + length + end:,} bytes; download it again.")
    return numbers


def _why_not(model: str, folder: Path) -> str:
    if not model.strip():
        return "The setting model is empty; set it to 'smollm2' or to the folder of a checkpoint."
    if folder.is_file():
        return f"{folder} is a file; set model to the folder that it lies in, {folder.parent}."
    if _HUB_ID.fullmatch(model) and not folder.parent.is_dir():
        name = model.partition("/")[2]
        return (
            f"There is no folder {model}, and nothing is downloaded unasked. If it is a model of the Hugging Face hub, "
            f"run `hf download {model} --local-dir {name}` and set model to that folder."
        )
    if folder.suffix == ".gguf":
        return f"There is no file {folder}; set model to a GGUF file, to the folder of a checkpoint, or to 'smollm2'."
    return f"There is no folder {folder}; set model to the folder of a checkpoint, or to 'smollm2'."


def _not_a_checkpoint(folder: Path) -> str:
    if (folder / "adapter_config.json").is_file():
        return (
            f"{folder} holds an adapter, not a whole model; merge it into its base model and set model to the result."
        )
    return f"{folder} is no checkpoint in the Hugging Face layout: config.json is missing."


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read ({error}); download it again.") from None
    if not isinstance(value, dict):
        raise ModelError(f"{path} is not what it should be; download it again.")
    return value
