"""One forward pass of the model as transformers defines it. Token ids in, logits out; knows nothing of requests."""

from __future__ import annotations

from collections.abc import Sequence as Ids
from typing import Any

import torch

from codefuse_lsp.worker.kv_cache import Slot


class Runner:
    """The model on its device, driven with our own cache."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._device = model.get_input_embeddings().weight.device
        self.num_layers: int = model.config.get_text_config().num_hidden_layers

    @torch.inference_mode()
    def forward(self, slot: Slot, token_ids: Ids[int]) -> torch.Tensor:
        """Append `token_ids` to the slot and return the logits after the last of them, (V,) in fp32.

        A pass that fails leaves the slot as it was.
        """
        start = len(slot.token_ids)
        ids = torch.tensor([token_ids], device=self._device)  # (1, L)
        positions = torch.arange(start, start + len(token_ids), device=self._device)[None]  # (1, L)
        try:
            output = self._model(
                input_ids=ids, position_ids=positions, past_key_values=slot.cache, use_cache=True, logits_to_keep=1
            )
        except BaseException:
            slot.truncate(start)
            raise
        slot.token_ids.extend(token_ids)
        return output.logits[0, -1].float()  # type: ignore[no-any-return]  # (V,)
