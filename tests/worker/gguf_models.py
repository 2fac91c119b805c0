"""GGUF files for tests: the real small model in bf16, and heads with whatever facts a test wants."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from safetensors import safe_open

from codefuse_lsp.worker.conversion import hf_name

LAYER_PARTS = ("attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate", "ffn_up", "ffn_down")


def write_bf16(checkpoint: Path, target: Path) -> None:
    """Write SmolLM2's checkpoint folder as a GGUF file that holds the same numbers."""
    config = json.loads((checkpoint / "config.json").read_text("utf-8"))
    writer = gguf.GGUFWriter(target, "llama")
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    _add_tokenizer(writer, checkpoint, config)
    _add_tensors(writer, checkpoint, config)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_head(target: Path, facts: dict[str, Any]) -> None:
    """Write a GGUF file that has facts and no weights."""
    writer = gguf.GGUFWriter(target, "llama")
    for name, value in facts.items():
        if isinstance(value, bool):
            writer.add_bool(name, value)
        elif isinstance(value, int):
            writer.add_int64(name, value)
        elif isinstance(value, float):
            writer.add_float64(name, value)
        elif isinstance(value, str):
            writer.add_string(name, value)
        else:
            writer.add_array(name, value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def _add_tokenizer(writer: gguf.GGUFWriter, checkpoint: Path, config: dict[str, Any]) -> None:
    tokenizer = json.loads((checkpoint / "tokenizer.json").read_text("utf-8"))
    template = json.loads((checkpoint / "tokenizer_config.json").read_text("utf-8"))["chat_template"]
    vocabulary = tokenizer["model"]["vocab"]
    special = {token["content"] for token in tokenizer["added_tokens"]}
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL if t in special else gguf.TokenType.NORMAL for t in tokens])
    writer.add_token_merges([" ".join(merge) for merge in tokenizer["model"]["merges"]])
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"][0])
    writer.add_add_bos_token(False)
    writer.add_chat_template(template)


def _add_tensors(writer: gguf.GGUFWriter, checkpoint: Path, config: dict[str, Any]) -> None:
    layers = [f"blk.{n}.{part}.weight" for n in range(config["num_hidden_layers"]) for part in LAYER_PARTS]
    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    with safe_open(checkpoint / "model.safetensors", framework="pt") as tensors:
        for name in ("token_embd.weight", "output_norm.weight", *layers):
            values = tensors.get_tensor(hf_name(name)).float().numpy()
            if (part := name.split(".")[-2]) in heads:  # llama.cpp interleaves the two halves of each head
                rows = values.reshape(heads[part], 2, config["head_dim"] // 2, -1)
                values = rows.swapaxes(1, 2).reshape(values.shape)
            kind = gguf.GGMLQuantizationType.BF16 if values.ndim > 1 else gguf.GGMLQuantizationType.F32
            writer.add_tensor(name, gguf.quants.quantize(np.ascontiguousarray(values), kind), raw_dtype=kind)
