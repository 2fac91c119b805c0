"""Models of a given shape with random weights: as fast as the real ones, with nothing to download.

Input: a shape's name, the device, and a kind of quantisation. Output: a LoadedModel whose tokenizer is trained on the
standard library's source, of the shape's own vocabulary size.
"""

from __future__ import annotations

import importlib
import inspect
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from codefuse_lsp.errors import ModelError
from codefuse_lsp.worker.bench.material import MODULES
from codefuse_lsp.worker.loader import LoadedModel
from codefuse_lsp.worker.tokenizer import Tokenizer

SHAPES: dict[str, dict[str, Any]] = {
    "codellama-34b": {  # config.json of CodeLlama-34b-Python, which CodeFuse-CodeLlama-34B shares
        "hidden_size": 8192,
        "intermediate_size": 22016,
        "num_hidden_layers": 48,
        "num_attention_heads": 64,
        "num_key_value_heads": 8,
        "vocab_size": 32000,
        "max_position_embeddings": 16384,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000.0},
    },
    "tiny": {  # runs anywhere in no time: for trying the bench itself
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": 512,
        "max_position_embeddings": 8192,
        "initializer_range": 0.2,  # far enough from uniform that the most probable token is clear
    },
}
SEED = 20_260_101
TRAINING_BYTES = 12_000_000


def random_model(shape: str, device: str, dtype: str, quantization: str = "none") -> LoadedModel:
    """Return a model of the shape, the same at every call; raises ModelError where it cannot be quantised."""
    from transformers import AutoModelForCausalLM, LlamaConfig

    config = LlamaConfig(**SHAPES[shape], tie_word_embeddings=False, bos_token_id=None, eos_token_id=None)
    config.dtype = getattr(torch, dtype)
    with torch.random.fork_rng(), torch.device(device):
        torch.manual_seed(SEED)
        model: Any = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype), attn_implementation="sdpa")
    model = model.eval().requires_grad_(False)
    if quantization != "none":
        model = _quantized(model, quantization)
    name = f"random {shape}" + ("" if quantization == "none" else f" {quantization}")
    limit = int(SHAPES[shape]["max_position_embeddings"])
    return LoadedModel(model, tokenizer(SHAPES[shape]["vocab_size"]), name, Path(), device, dtype, limit)


def tokenizer(vocab_size: int) -> Tokenizer:
    """Return a byte-level tokenizer of that size, none of whose tokens ends a text."""
    from tokenizers import Tokenizer as Backend
    from tokenizers import decoders, models, pre_tokenizers, trainers

    backend = Backend(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, initial_alphabet=alphabet, show_progress=False, special_tokens=[]
    )
    backend.train_from_iterator(_sources(few=vocab_size < 1000), trainer)
    return Tokenizer(backend)


def _sources(few: bool) -> Iterator[str]:
    """Yield Python source: a few files for a small vocabulary, much of the standard library for a large one."""
    yield from map(inspect.getsource, MODULES)
    left = 0 if few else TRAINING_BYTES
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        if left <= 0:
            return
        text = path.read_text("utf-8", "replace")
        left -= len(text)
        yield text


def _quantized(model: Any, kind: str) -> Any:
    """Return the model with its linears packed as a checkpoint's are; its head stays as it is."""
    try:
        layers = importlib.import_module("codefuse_lsp.worker.packed_linear")
        rounding = importlib.import_module("codefuse_lsp.worker.rounding")
    except ImportError:
        raise ModelError(f"No {kind} weights can be made of a model in memory; leave out --quantization.") from None
    head = model.get_output_embeddings()
    for name, module in list(model.named_modules()):
        if type(module) is not torch.nn.Linear or module is head:
            continue
        weight = module.weight.data  # (N, K)
        if kind == "int4" and layers.fits_int4(*weight.shape):
            packed = layers.Int4Linear(rounding.to_groups(weight), module.bias)
        else:
            packed = layers.Int8Linear(rounding.to_rows(weight), module.bias)
        model.set_submodule(name, packed)
    return model
