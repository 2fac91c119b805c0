"""A Llama-like layer in as few operators as torch has for it.

On a CPU, calling operators takes as long as reading the weights of a small model. These blocks take the place of
transformers' own layers in the families whose arithmetic this is, with the same results: in bf16 on a CPU the same
bits.

Letters as in `attention`, and E the size of a hidden state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.functional import rms_norm, silu
from transformers.activations import SiLUActivation

from codefuse_lsp.worker.attention import Look, Past, Span, see
from codefuse_lsp.worker.kv_cache import SlotCache

Join = Callable[[Sequence[Any]], nn.Module]  # of linear layers that read the same input: one that gives what all give

# Layers that compute what LlamaBlock does, with biases or not, with norms of heads and windows or not.
FAMILIES = ("LlamaDecoderLayer", "MistralDecoderLayer", "Qwen2DecoderLayer", "Qwen3DecoderLayer")
PARTS = {"input_layernorm", "self_attn", "post_attention_layernorm", "mlp"}
ATTENTION = {"q_proj", "k_proj", "v_proj", "o_proj"}
HEAD_NORMS = {"q_norm", "k_norm"}
MLP = {"gate_proj", "up_proj", "down_proj", "act_fn"}


def put_blocks(model: Any, block: Callable[[Any], LlamaBlock], linears: tuple[type, ...] = (nn.Linear,)) -> bool:
    """Replace a model's layers by the blocks made of them; return False, and do nothing, for another family.

    `linears` are the kinds of linear layers of which blocks can be made.
    """
    decoder = model.get_decoder()
    layers = getattr(decoder, "layers", None)
    if not layers or not hasattr(decoder, "rotary_emb") or not all(_is_known(layer, linears) for layer in layers):
        return False
    for index, layer in enumerate(layers):
        layers[index] = block(layer)
    decoder.rotary_emb = SignedRotary(decoder.rotary_emb)
    return True


class SignedRotary(nn.Module):
    """A model's rotary embedding, once a pass in the form in which every block multiplies by it."""

    def __init__(self, rotary: nn.Module) -> None:
        super().__init__()
        self.rotary = rotary

    def forward(self, *args: Any, **kwargs: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Return cosines and sines, (N, 1, D) each, the first half of the sines negated."""
        cos, sin = self.rotary(*args, **kwargs)  # (1, N, D)
        half = sin.shape[-1] // 2
        return cos[0, :, None], torch.cat((-sin[0, :, None, :half], sin[0, :, None, half:]), -1)


class LlamaBlock(nn.Module):
    """Norm, attention, norm, gated MLP, and what comes in added after each two."""

    def __init__(self, layer: Any, join: Join) -> None:
        super().__init__()
        attention, mlp = layer.self_attn, layer.mlp
        self._index, self._head_size = attention.layer_idx, attention.head_dim
        self._look = Look(attention.scaling, _window(attention), None)
        self._num_keys = attention.k_proj.out_features // self._head_size  # H
        self._num_queries = attention.q_proj.out_features // self._head_size  # Hq
        self.before_attention, self.before_mlp = _norm(layer.input_layernorm), _norm(layer.post_attention_layernorm)
        self.of_heads = _norm_of_heads(attention, self._num_queries, self._num_keys)
        self.qkv = join([attention.q_proj, attention.k_proj, attention.v_proj])
        self.out = join([attention.o_proj])
        self.gate_up = join([mlp.gate_proj, mlp.up_proj])
        self.down = join([mlp.down_proj])

    def forward(
        self, hidden_states: torch.Tensor, position_embeddings: tuple[torch.Tensor, torch.Tensor], **kwargs: Any
    ) -> torch.Tensor:
        """Return the next layer's hidden states, (1, N, E), from this one's."""
        cache = kwargs.get("cache", kwargs.get("past_key_values"))
        x = hidden_states[0]  # (N, E)
        heads = self.qkv(self.before_attention(x)).view(len(x), -1, self._head_size)  # (N, Hq + 2H, D)
        x = self.out(self._seen(heads, position_embeddings, cache).flatten(1)).add_(x)
        return self.down(self._gated(self.gate_up(self.before_mlp(x)))).add_(x)[None]  # type: ignore[no-any-return]

    def _seen(
        self, heads: torch.Tensor, position_embeddings: tuple[torch.Tensor, torch.Tensor], cache: Any
    ) -> torch.Tensor:
        """Return what each token sees, (N, Hq, D), from heads, (N, Hq + 2H, D), having kept its keys and values."""
        turned, values = self._normed(heads)
        query, keys = _turn(turned, *position_embeddings).split_with_sizes((self._num_queries, self._num_keys), 1)
        past = self._past(cache, keys.transpose(0, 1), values.transpose(0, 1))
        return see(query.transpose(0, 1), past, self._look)

    def _normed(self, heads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return queries and keys, (N, Hq + H, D), and values, (N, H, D), before they are turned."""
        turned, values = heads.split_with_sizes((self._num_queries + self._num_keys, self._num_keys), 1)
        return (turned if self.of_heads is None else self.of_heads(turned)), values

    def _gated(self, gate_up: torch.Tensor) -> torch.Tensor:
        gate, up = gate_up.chunk(2, -1)
        return silu(gate).mul_(up)

    def _past(self, cache: Any, keys: torch.Tensor, values: torch.Tensor) -> Past:
        """Return what can be seen, the new keys and values, (H, N, D), included; without a cache, these alone."""
        if isinstance(cache, SlotCache):
            return cache.write(self._index, keys, values)
        every_key, every_value = keys[None], values[None]  # (1, H, L, D)
        if cache is not None:  # one of transformers' own
            every_key, every_value = cache.update(every_key, every_value, self._index)
        return Past(every_key, every_value, [Span(0, every_key.shape[2] - keys.shape[1], keys.shape[1])])


class _Norm(nn.Module):
    """Root mean square normalisation (Zhang and Sennrich, 2019) over the last axis, as transformers rounds it."""

    def __init__(self, weight: torch.Tensor, eps: float) -> None:
        super().__init__()
        self.weight, self.eps = nn.Parameter(weight, requires_grad=False), eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x, (..., D), scaled to 1 in the quadratic mean and times the weight, which may differ by head."""
        if x.dtype is torch.float32 or x.is_cuda:  # where it rounds as below, in one kernel
            return rms_norm(x, x.shape[-1:], None, self.eps).mul_(self.weight)
        wide = x.float()
        scale = wide.square().mean(-1, True).add_(self.eps).rsqrt_()
        return self.weight * wide.mul_(scale).to(x.dtype)


def _norm(norm: Any) -> _Norm:
    return _Norm(norm.weight.detach(), norm.variance_epsilon)


def _norm_of_heads(attention: Any, num_queries: int, num_keys: int) -> _Norm | None:
    """Return the norms of queries and of keys, where a family has them, as one of both, (Hq + H, D)."""
    if not hasattr(attention, "q_norm"):
        return None
    queries, keys = attention.q_norm.weight, attention.k_norm.weight
    weight = torch.cat((queries.expand(num_queries, -1), keys.expand(num_keys, -1)))
    return _Norm(weight, attention.q_norm.variance_epsilon)


def _turn(heads: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Turn pairs of numbers by their positions' angles (RoPE, Su et al., 2021), halves paired as in GPT-NeoX."""
    first, second = heads.chunk(2, -1)
    return (heads * cos).add_(torch.cat((second, first), -1).mul_(sin))


def _window(attention: Any) -> int | None:
    if hasattr(attention, "sliding_window"):
        window = attention.sliding_window
    else:  # Llama's configuration has none, Mistral's may
        window = getattr(attention.config, "sliding_window", None)
    return window if window is None else int(window)


def _is_known(layer: Any, kinds: tuple[type, ...]) -> bool:
    """Return whether a layer is of a family above, and made of the parts that it was made of when this was written."""
    if type(layer).__name__ not in FAMILIES or {name for name, _ in layer.named_children()} != PARTS:
        return False
    attention, mlp = ({name for name, _ in part.named_children()} for part in (layer.self_attn, layer.mlp))
    linears = {type(child) for name, child in layer.named_modules() if name.endswith("_proj")}
    return (
        attention in (ATTENTION, ATTENTION | HEAD_NORMS)
        and mlp == MLP
        and isinstance(layer.mlp.act_fn, nn.SiLU | SiLUActivation)
        and len(linears) == 1
        and linears.pop() in kinds
    )
