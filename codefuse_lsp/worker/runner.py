"""One forward pass of the model as transformers defines it, over the new tokens of several texts at once.

Token ids in, logits out. Knows nothing of requests.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from collections.abc import Sequence as Ids
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AttentionInterface

from codefuse_lsp.errors import ModelError
from codefuse_lsp.worker import attention, cuda_ops
from codefuse_lsp.worker.attention import Rows, Span
from codefuse_lsp.worker.cuda_graphs import SHORTEST, DecodeGraphs
from codefuse_lsp.worker.kv_cache import Slot, SlotCache

MOST_ROWS = 32  # new tokens of a text that are read as rows of a recorded pass: a keystroke's, or a draft's
MOST_TOGETHER = 128  # rows of a pass; with more of them it takes longer to multiply than to read the weights

AttentionInterface.register(attention.NAME, attention.attend)


@dataclass(frozen=True, slots=True)
class Work:
    """New tokens of one text, and for how many of the last of them logits are wanted."""

    slot: Slot
    token_ids: Ids[int]
    num_logits: int = 1


class Abandoned(Exception):
    """A pass was given up between two layers."""


class Runner:
    """A model on its device, this runner's alone, driven with our own cache.

    `between_layers` is called before each layer of a pass. What it raises ends the pass, and the slots are as they were
    before. It may run another pass on other slots, since a pass keeps nothing but what it has written to its own.
    """

    def __init__(self, model: Any, cache: SlotCache, between_layers: Callable[[], None] = lambda: None) -> None:
        self._model = model
        self._cache = cache
        self._device = model.get_input_embeddings().weight.device
        names = inspect.signature(model.forward).parameters
        self._cache_name = "cache" if "cache" in names else "past_key_values"  # its name until transformers 5.23
        model.set_attn_implementation(attention.NAME)
        devices = {parameter.device for parameter in model.parameters()}
        self._fixed_shapes = self._device.type == "cuda" and len(devices) == 1
        # Without the kernels each row copies the keys and values that it looks at, and looks at more than there are.
        by_kernels = self._fixed_shapes and _fits_kernels(model) and cuda_ops.serve(self._device, model.dtype)
        self._most_rows = MOST_ROWS if by_kernels else 1
        self._graphs = DecodeGraphs(
            self._rows, cache.capacity, self._device, shortest=cache.capacity if by_kernels else SHORTEST
        )
        self._between_layers = between_layers
        self._interruptible = True
        self._hooks = [layer.register_forward_pre_hook(self._at_layer) for layer in decoder_layers(model)]

    @torch.inference_mode()
    def forward(self, works: Ids[Work]) -> list[torch.Tensor]:
        """Append each text's tokens to its slot; return the logits after the last ones of each, (num_logits, V)."""
        if not self._fixed_shapes:
            return self._forward(works)
        short = self._short(works)
        others = [work for work in works if id(work) not in short]
        # First what may be given up: a text whose token was read, and its logits lost, could not go on.
        results = dict(zip(map(id, others), self._forward(others), strict=True)) if others else {}
        results |= zip(short, self.decode(list(short.values())), strict=True) if short else {}
        return [results[id(work)] for work in works]

    def _short(self, works: Ids[Work]) -> dict[int, Work]:
        """Return those, by their identities, that are read in one pass of a fixed shape."""
        short, room = {}, MOST_TOGETHER
        for work in works:
            if len(work.token_ids) <= min(self._most_rows, room):
                short[id(work)] = work
                room -= len(work.token_ids)
        return short

    def decode(self, works: Ids[Work]) -> list[torch.Tensor]:
        """Do the same for texts with few new tokens, each a row of a batch of a fixed shape.

        Each layer writes the keys and values of all rows before any row looks at its text's up to its own place, so
        that the rows of one text see what they would see in a pass of their own. Nothing is called between the layers,
        since what is recorded as a graph must be this pass alone.
        """
        counts = [len(work.token_ids) for work in works]
        slots = [work.slot.index for work in works for _ in work.token_ids]
        positions = [len(work.slot.token_ids) + place for work in works for place in range(len(work.token_ids))]
        self._interruptible = False
        try:
            logits = self._graphs.decode(slots, positions, [token_id for work in works for token_id in work.token_ids])
        finally:
            self._interruptible = True
        for work in works:
            work.slot.token_ids.extend(work.token_ids)
        parts = torch.split(logits, counts)
        return [part[-work.num_logits :] for part, work in zip(parts, works, strict=True)]  # (num_logits, V)

    def _forward(self, works: Ids[Work]) -> list[torch.Tensor]:
        spans = [Span(work.slot.index, len(work.slot.token_ids), len(work.token_ids)) for work in works]
        ids = [token_id for work in works for token_id in work.token_ids]
        positions = [position for span in spans for position in range(span.start, span.end)]
        wanted: list[int] = []
        offset = 0
        for work in works:
            offset += len(work.token_ids)
            wanted += range(offset - work.num_logits, offset)
        before = self._cache.times_cleared
        with self._cache.writing(spans):
            logits = self._pass(self._tensor(ids), self._tensor(positions), self._tensor(wanted))
        if self._cache.times_cleared != before:
            raise Abandoned  # in the middle of the pass, so the first layers' keys and values are gone
        for work in works:
            work.slot.token_ids.extend(work.token_ids)
        return list(torch.split(logits, [work.num_logits for work in works]))  # of (num_logits, V)

    def try_out(self, slot: Slot) -> None:
        """Pass one token, whose result nobody reads; raises ModelError when the model cannot be driven like this."""
        try:
            self.forward([Work(slot, [0])])
            if self._most_rows > 1:
                self._graphs.prepare(slot.index, self._most_rows)
        except (AttributeError, TypeError, NotImplementedError, ValueError) as error:
            self.close()
            kind = self._model.config.model_type
            raise ModelError(
                f"Models of the kind {kind} keep their keys and values in a form that this engine does not know "
                f"({type(error).__name__}); serve it with vLLM or as GGUF, and set endpoint or model to that."
            ) from None
        finally:
            slot.token_ids.clear()

    def clear(self) -> None:
        """Forget what was recorded of the cache's memory, which is given back."""
        self._graphs.clear()

    def close(self) -> None:
        """Let go of the model."""
        for hook in self._hooks:
            hook.remove()

    def _at_layer(self, *_: Any) -> None:
        if self._interruptible:
            self._between_layers()

    def _rows(self, ids: torch.Tensor, positions: torch.Tensor, rows: Rows) -> torch.Tensor:
        with self._cache.writing(rows):
            return self._pass(ids, positions, 0)

    def _pass(self, ids: torch.Tensor, positions: torch.Tensor, wanted: torch.Tensor | int) -> torch.Tensor:
        """Return the logits, (R, V) in fp32, after the wanted ones of N tokens; 0 wants all."""
        output = self._model(
            input_ids=ids[None],  # (1, N)
            position_ids=positions[None],  # (1, N)
            use_cache=True,
            logits_to_keep=wanted,
            **{self._cache_name: self._cache},
        )
        return output.logits[0].float()  # type: ignore[no-any-return]

    def _tensor(self, values: list[int]) -> torch.Tensor:
        return torch.tensor(values, device=self._device)


def _fits_kernels(model: Any) -> bool:
    """Return whether the attention of all layers is such as the kernels compute."""
    config = model.config.get_text_config()
    head_size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    value_size = getattr(config, "v_head_dim", None) or head_size
    is_capped = getattr(config, "attn_logit_softcapping", None) is not None
    return cuda_ops.fits(head_size, value_size) and not is_capped


def decoder_layers(model: Any) -> Any:
    """Return the model's list of layers: the longest list of modules in it, one for each hidden layer.

    Raises ModelError when the model is not built like that.
    """
    wanted = model.config.get_text_config().num_hidden_layers
    lists = (module for module in model.modules() if isinstance(module, torch.nn.ModuleList))
    found = next((layers for layers in lists if len(layers) == wanted), None)
    if found is None:
        raise ModelError("This model is not a stack of decoder layers, which is all that this engine runs.")
    return found
