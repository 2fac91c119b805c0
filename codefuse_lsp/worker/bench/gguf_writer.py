"""A checkpoint of the Llama kind as a GGUF file, for llama.cpp, with the very same weights.

bf16 tensors keep their bits; Q8_0 rounds them in blocks of 32. Norms are fp32, as llama.cpp wants them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import torch

from codefuse_lsp.errors import CodeFuseError

Kind = Literal["BF16", "Q8_0"]
# How llama.cpp splits text before its byte-pair merges, by what the tokenizer splits off first (llama-vocab.cpp).
PRE_TOKENIZERS = {"Digits": "smollm", "": "gpt-2"}
NORMAL, CONTROL, UNUSED = 1, 3, 5  # gguf.TokenType


def write(folder: Path, path: Path, kind: Kind) -> None:
    """Write the GGUF file; raises CodeFuseError for a model of another kind, or where the package gguf is missing."""
    try:
        import gguf
    except ImportError:
        raise CodeFuseError("The package gguf is not installed; without it no GGUF file can be written.") from None
    config = json.loads((folder / "config.json").read_text("utf-8"))
    if config.get("model_type") != "llama":
        raise CodeFuseError(f"Only models of the llama kind are written as GGUF here, not {config.get('model_type')}.")
    writer = gguf.GGUFWriter(path, "llama")
    _add_config(writer, config)
    _add_tokenizer(writer, folder, config)
    _add_tensors(writer, folder, config, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_config(writer: Any, config: dict[str, Any]) -> None:
    heads, width = config["num_attention_heads"], config["hidden_size"]
    rope = config.get("rope_parameters") or {}
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(width)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.get("num_key_value_heads", heads))
    writer.add_rope_dimension_count(config.get("head_dim") or width // heads)
    writer.add_rope_freq_base(float(rope.get("rope_theta") or config.get("rope_theta") or 10_000.0))
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])


def _add_tokenizer(writer: Any, folder: Path, config: dict[str, Any]) -> None:
    stored = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    model = stored["model"]
    if model.get("type") != "BPE" or "byte_fallback" not in model or model["byte_fallback"]:
        raise CodeFuseError("Only byte-level BPE tokenizers are written as GGUF here.")
    by_id = {i: (token, NORMAL) for token, i in model["vocab"].items()}
    by_id |= {t["id"]: (t["content"], CONTROL if t["special"] else NORMAL) for t in stored["added_tokens"]}
    listed = [by_id.get(i, (f"[unused{i}]", UNUSED)) for i in range(config["vocab_size"])]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_pre_tokenizer(stored))
    writer.add_token_list([token for token, _ in listed])
    writer.add_token_types([kind for _, kind in listed])
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in model["merges"]])
    eos = config.get("eos_token_id")
    writer.add_bos_token_id(config.get("bos_token_id") or 0)
    writer.add_eos_token_id((eos[0] if isinstance(eos, list) else eos) or 0)
    writer.add_add_bos_token(False)


def _pre_tokenizer(stored: dict[str, Any]) -> str:
    parts = (stored.get("pre_tokenizer") or {}).get("pretokenizers") or []
    return PRE_TOKENIZERS["Digits" if any(part["type"] == "Digits" for part in parts) else ""]


def _add_tensors(writer: Any, folder: Path, config: dict[str, Any], kind: Kind) -> None:
    import gguf
    from safetensors import safe_open

    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - it is no mapping
                tensor = _as_llama_cpp_orders(name, tensors.get_tensor(name), config)
                _add_tensor(writer, names.get_name(name, (".weight", ".bias")) or name, tensor, kind)


def _as_llama_cpp_orders(name: str, tensor: torch.Tensor, config: dict[str, Any]) -> torch.Tensor:
    """Interleave the two halves of each head of Q and K, as llama.cpp's rotary embedding reads them."""
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config.get("num_key_value_heads")}
    count = heads.get(name.split(".")[-2])
    if count is None:
        return tensor
    rows = tensor.reshape(count, 2, tensor.shape[0] // count // 2, *tensor.shape[1:])  # (heads, 2, D/2, columns)
    return rows.swapaxes(1, 2).reshape(tensor.shape)


def _add_tensor(writer: Any, name: str, tensor: torch.Tensor, kind: Kind) -> None:
    import gguf

    if tensor.ndim == 1:
        writer.add_tensor(name, tensor.float().numpy())
    elif kind == "BF16":
        bits = tensor.to(torch.bfloat16).contiguous().view(torch.uint8).numpy()  # (rows, 2 * columns)
        writer.add_tensor(name, bits, raw_dtype=gguf.GGMLQuantizationType.BF16)
    else:
        quantized = gguf.quants.quantize(tensor.float().numpy(), gguf.GGMLQuantizationType.Q8_0)
        writer.add_tensor(name, quantized, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
