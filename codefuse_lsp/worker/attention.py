"""Attention of several texts in one pass: each text's new tokens see that text's own keys and values, and no other's.

Queries of all texts come packed one after the other, without padding; keys and values lie in the slots of the cache.
Registered with transformers as an attention implementation, so that a model's own code calls it (AttentionInterface).

Letters: N new tokens of all texts, n of one text, Hq query heads, H key/value heads, G = Hq / H, L tokens that a text
has in the cache, D head size, S slots, C capacity of a slot.
"""

from __future__ import annotations

from collections.abc import Sequence as Spans
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.attention.bias import causal_lower_right
from torch.nn.functional import scaled_dot_product_attention
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from codefuse_lsp.worker import cuda_ops

NAME = "codefuse"
FEW = 16  # new tokens of a text up to which two plain products beat the fused kernel on a CPU (measured at L = 1,500)


@dataclass(frozen=True, slots=True)
class Span:
    """The new tokens of one text: the slot they are written to, and how many tokens it held before."""

    slot: int
    start: int
    length: int

    @property
    def end(self) -> int:
        """How many tokens the slot holds with the new ones."""
        return self.start + self.length


@dataclass(frozen=True, slots=True)
class Rows:
    """One new token for each of B texts, told in tensors of a fixed shape, so that a CUDA graph can be replayed.

    A row that stands for no text has its position in the slot's last place, which no text ever reaches.
    """

    slots: torch.Tensor  # (B,)
    positions: torch.Tensor  # (B,)
    length: int  # keys looked at; every position is smaller, but for rows that stand for no text


@dataclass(frozen=True, slots=True)
class Past:
    """One layer's keys and values, (S, H, C, D) each, and who is looked at."""

    keys: torch.Tensor
    values: torch.Tensor
    batch: Spans[Span] | Rows


def attend(
    module: Any,
    query: torch.Tensor,
    past: Past | torch.Tensor,
    value: torch.Tensor | None,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: torch.Tensor | None = None,
    position_bias: torch.Tensor | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Return what each new token sees, (1, N, Hq, D), from queries, (1, Hq, N, D).

    A model that is called without our cache, as to read a text for its perplexity, attends as transformers has it.
    """
    if not isinstance(past, Past):
        assert value is not None
        return sdpa_attention_forward(
            module, query, past, value, attention_mask, scaling=scaling, sliding_window=sliding_window, **kwargs
        )
    if s_aux is not None or position_bias is not None:
        raise NotImplementedError("attention with sinks or position biases")
    look = Look(scaling if scaling is not None else query.shape[-1] ** -0.5, sliding_window, softcap)
    return see(query[0], past, look)[None], None


def see(query: torch.Tensor, past: Past, look: Look) -> torch.Tensor:
    """Return what each new token sees, (N, Hq, D), from queries, (Hq, N, D)."""
    if isinstance(past.batch, Rows):
        return look.rows(query, past, past.batch)
    if len(past.batch) == 1:
        return look.span(query, past, past.batch[0])
    parts = torch.split(query, [span.length for span in past.batch], dim=1)
    return torch.cat([look.span(q, past, s) for q, s in zip(parts, past.batch, strict=True)])


@dataclass(frozen=True, slots=True)
class Look:
    """How scores become weights in a layer."""

    scaling: float
    window: int | None = None
    softcap: float | None = None

    def span(self, query: torch.Tensor, past: Past, span: Span) -> torch.Tensor:
        """Return one text's result, (n, Hq, D), from its queries, (Hq, n, D)."""
        first = max(0, span.start - self.window + 1) if self.window else 0
        keys = past.keys[span.slot, :, first : span.end]  # (H, L, D)
        values = past.values[span.slot, :, first : span.end]  # (H, L, D)
        if span.length <= FEW or self.softcap:
            return self._few(query, keys, values)
        return self._many(query, keys, values)

    def _few(self, query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        heads, (groups, n) = keys.shape[0], (query.shape[0] // keys.shape[0], query.shape[1])
        packed = query.reshape(heads, groups * n, -1)  # (H, G * n, D): a key head's queries side by side
        # Keys times queries, turned round: a product with few columns is 3 times faster than one with few rows.
        scores = torch.bmm(keys, packed.transpose(1, 2)).transpose(1, 2).float() * self.scaling  # (H, G * n, L)
        if n > 1:
            scores = scores.reshape(heads, groups, n, -1)
            scores = scores.masked_fill(~self._mask(n, keys), -torch.inf).flatten(1, 2)
        weights = self._capped(scores).softmax(-1).to(values.dtype)  # (H, G * n, L)
        return torch.bmm(weights, values).reshape(heads * groups, n, -1).transpose(0, 1)  # (n, Hq, D)

    def _many(self, query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        n, length = query.shape[1], keys.shape[1]
        options: dict[str, Any] = {"scale": self.scaling, "enable_gqa": query.shape[0] != keys.shape[0]}
        if length == n and not (self.window and n > self.window):
            options["is_causal"] = True
        elif keys.is_cuda and not (self.window and length > self.window):
            options["attn_mask"] = causal_lower_right(n, length)  # a mask that is never written down
        else:
            options["attn_mask"] = self._mask(n, keys)
        result = scaled_dot_product_attention(query[None], keys[None], values[None], **options)  # (1, Hq, n, D)
        return result[0].transpose(0, 1)  # (n, Hq, D)

    def rows(self, query: torch.Tensor, past: Past, rows: Rows) -> torch.Tensor:
        """Return the result of one new token for each of B texts, (B, Hq, D), from their queries, (Hq, B, D)."""
        if self._kernels_serve(query, past.values):
            cache = past.keys, past.values
            return cuda_ops.look(
                query.transpose(0, 1).contiguous(), cache, rows.slots, rows.positions, self.scaling, self.window
            )
        keys = past.keys[:, :, : rows.length].index_select(0, rows.slots)  # (B, H, L, D)
        values = past.values[:, :, : rows.length].index_select(0, rows.slots)  # (B, H, L, D)
        packed = query.transpose(0, 1).reshape(*keys.shape[:2], -1, query.shape[-1])  # (B, H, G, D)
        places = torch.arange(rows.length, device=keys.device)
        seen = places <= rows.positions[:, None]  # (B, L)
        if self.window:
            seen &= places > rows.positions[:, None] - self.window
        if self.softcap:
            scores = self._capped((packed @ keys.transpose(2, 3)).float() * self.scaling)  # (B, H, G, L)
            weights = scores.masked_fill(~seen[:, None, None], -torch.inf).softmax(-1)
            return (weights.to(values.dtype) @ values).flatten(1, 2)
        mask = seen[:, None, None].expand(-1, keys.shape[1], packed.shape[2], -1)  # (B, H, G, L)
        result = scaled_dot_product_attention(packed, keys, values, attn_mask=mask, scale=self.scaling)
        return result.flatten(1, 2)

    def _kernels_serve(self, query: torch.Tensor, values: torch.Tensor) -> bool:
        known = not self.softcap and cuda_ops.fits(query.shape[-1], values.shape[-1])
        return known and cuda_ops.serve(query.device, query.dtype)

    def _capped(self, scores: torch.Tensor) -> torch.Tensor:
        return self.softcap * torch.tanh(scores / self.softcap) if self.softcap else scores

    def _mask(self, n: int, keys: torch.Tensor) -> torch.Tensor:
        """Return which of the keys each of the n last tokens may see, (n, L)."""
        length = keys.shape[1]
        seen = torch.ones(n, length, dtype=torch.bool, device=keys.device).tril(length - n)
        return seen.triu(length - n - self.window + 1) if self.window else seen
