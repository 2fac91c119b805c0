"""Turn the embedded model's GGUF file into a checkpoint folder that transformers loads in a second.

Input: SmolLM2-135M-Instruct.Q4_1.gguf. Output: config, bf16 safetensors and tokenizer files. Written tensor by tensor,
so that it needs little memory, knows how far it is, and meets a full disk as an OSError. Knows only this one model;
torch is not needed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Report = Callable[[str, float | None], None]

# llama.cpp's names of a Llama's tensors and transformers' (llama.cpp, gguf-py/gguf/tensor_mapping.py)
_TOP = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
}
_LAYER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_CONTROL = 3  # gguf.TokenType.CONTROL: a special token


def convert(gguf_file: Path, folder: Path, report: Report) -> None:
    """Write the checkpoint folder of a GGUF file; raises OSError when the disk does not take it."""
    import gguf

    report("Reading SmolLM2-135M-Instruct", None)
    reader = gguf.GGUFReader(gguf_file)
    facts = {name: field.contents() for name, field in reader.fields.items()}
    folder.mkdir()
    config = _config(facts, tied=all(tensor.name != "output.weight" for tensor in reader.tensors))
    _write_json(folder / "config.json", config)
    _write_json(folder / "generation_config.json", {key: config[key] for key in config if key.endswith("_token_id")})
    _write_tokenizer(folder, facts)
    _write_tensors(folder / "model.safetensors", reader.tensors, config, report)


def hf_name(name: str) -> str:
    """Return transformers' name of a Llama tensor named as in GGUF, such as blk.3.attn_q.weight."""
    stem, _, ending = name.rpartition(".")
    if not stem.startswith("blk."):
        return f"{_TOP[stem]}.{ending}"
    _, layer, part = stem.split(".")
    return f"model.layers.{layer}.{_LAYER[part]}.{ending}"


def to_bf16(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    """Return the bits of the nearest bfloat16, ties to even, as torch rounds."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def _config(facts: dict[str, Any], tied: bool) -> dict[str, Any]:
    heads, width = facts["llama.attention.head_count"], facts["llama.embedding_length"]
    stop = facts["tokenizer.ggml.eos_token_id"]
    document_end = facts["tokenizer.ggml.tokens"].index("<|endoftext|>")
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "bfloat16",
        "vocab_size": facts["llama.vocab_size"],
        "hidden_size": width,
        "intermediate_size": facts["llama.feed_forward_length"],
        "num_hidden_layers": facts["llama.block_count"],
        "num_attention_heads": heads,
        "num_key_value_heads": facts["llama.attention.head_count_kv"],
        "head_dim": width // heads,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "max_position_embeddings": facts["llama.context_length"],
        "rms_norm_eps": float(np.float32(facts["llama.attention.layer_norm_rms_epsilon"])),
        "rope_parameters": {"rope_type": "default", "rope_theta": facts["llama.rope.freq_base"]},
        "tie_word_embeddings": tied,
        "bos_token_id": facts["tokenizer.ggml.bos_token_id"],
        # A document's end is an answer's end too (llama.cpp counts it among the tokens that end a generation).
        "eos_token_id": [stop, document_end],
        "pad_token_id": facts["tokenizer.ggml.padding_token_id"],
    }


def _write_tensors(path: Path, tensors: Iterable[Any], config: dict[str, Any], report: Report) -> None:
    """Write tensors in the safetensors format: the header's length, a JSON header, the bytes one after another."""
    tensors = list(tensors)
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for tensor in tensors:
        shape = [int(n) for n in reversed(tensor.shape)]  # GGUF counts the fastest dimension first
        start, end = end, end + 2 * int(np.prod(shape))
        header[hf_name(tensor.name)] = {"dtype": "BF16", "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors:
            file.write(to_bf16(_dequantized(tensor, config)).tobytes())
            report("Converting SmolLM2-135M-Instruct", (file.tell() - 8 - len(text)) / end)
        file.flush()
        os.fsync(file.fileno())  # the marker that is written next must not outlive these bytes in a power cut


def _dequantized(tensor: Any, config: dict[str, Any]) -> npt.NDArray[np.float32]:
    """Return a tensor's numbers as transformers orders them."""
    import gguf

    values: npt.NDArray[np.float32] = gguf.quants.dequantize(tensor.data, tensor.tensor_type)  # (rows, columns)
    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    part = tensor.name.split(".")[-2]
    if part not in heads:
        return values
    # llama.cpp interleaves the two halves of each head for its rotary embedding (convert_hf_to_gguf.py, `permute`).
    rows = values.reshape(heads[part], config["head_dim"] // 2, 2, -1)  # (heads, D/2, 2, columns)
    return rows.swapaxes(1, 2).reshape(values.shape)


def _write_tokenizer(folder: Path, facts: dict[str, Any]) -> None:
    """Write tokenizer.json from the vocabulary and merges in the GGUF file.

    `smollm` splits digits one by one before GPT-2's pattern (llama.cpp, llama-vocab.cpp); transformers 5.23 leaves
    that out when it reads a GGUF file, and so writes the spaces before a number otherwise than the model learned.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    assert facts["tokenizer.ggml.pre"] == "smollm"
    tokens: list[str] = facts["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in facts["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    kinds = facts["tokenizer.ggml.token_type"]
    special = [token for token, kind in zip(tokens, kinds, strict=True) if kind == _CONTROL]
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in special])
    tokenizer.save(str(folder / "tokenizer.json"))
    named = {
        f"{name}_token": tokens[facts[f"tokenizer.ggml.{key}_token_id"]]
        for name, key in {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}.items()
    }
    template = facts["tokenizer.chat_template"]
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    _write_json(folder / "tokenizer_config.json", settings | named | {"chat_template": template})


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", "utf-8")
