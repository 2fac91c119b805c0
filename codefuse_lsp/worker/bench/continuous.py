"""transformers' continuous batching as a contestant, with prefix sharing.

Pages of 32 tokens: of its sizes the one with the best prefix reuse, since up to a page is computed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.worker.bench import clock
from codefuse_lsp.worker.bench.contest import Answer
from codefuse_lsp.worker.bench.measure import Cost
from codefuse_lsp.worker.tokenizer import Tokenizer

PAGE = 32  # tokens
CACHE_TOKENS = {"cpu": 16_384, "cuda": 32_768}
BATCH_TOKENS = 512
PATIENCE_S = 300.0


class ContinuousBatching:
    """A ContinuousBatchingManager on a model of transformers; the model is its own, since it changes the attention."""

    remembers = True

    def __init__(self, model: Any, tokenizer: Tokenizer) -> None:
        from transformers import GenerationConfig
        from transformers.generation.configuration_utils import ContinuousBatchingConfig

        self.name = f"transformers' continuous batching, pages of {PAGE}"
        self._tokenizer = tokenizer
        on_cuda = model.device.type == "cuda"
        # On a CPU neither graphs nor double buffers help. On a GPU it would take all memory that is free.
        sizes: dict[str, Any] = {"num_blocks": CACHE_TOKENS[model.device.type] // PAGE}
        if not on_cuda:
            sizes |= {"max_batch_tokens": BATCH_TOKENS, "use_async_batching": False}
        with torch.inference_mode():
            self._manager = model.init_continuous_batching(
                generation_config=GenerationConfig(do_sample=False, eos_token_id=-1, pad_token_id=0),
                continuous_batching_config=ContinuousBatchingConfig(page_size=PAGE, allow_block_sharing=True, **sizes),
            )
            self._manager.start()

    def answer(self, texts: Sequence[str], new_tokens: int) -> Answer:
        """Answer all texts, asked at once, with `new_tokens` each."""
        begun = clock.own()
        order = [
            self._manager.add_request(self._tokenizer.encode(text), max_new_tokens=new_tokens, streaming=True)
            for text in texts
        ]
        first: tuple[Cost, int] | None = None
        ended: dict[str, list[int]] = {}
        while len(ended) < len(order):
            output = self._manager.get_result(timeout=PATIENCE_S)
            if output is None or output.error:
                raise CodeFuseError(f"Continuous batching gave no answer ({output and output.error}).")
            if first is None and output.generated_tokens:
                first = (clock.own() - begun, len(output.generated_tokens))
            if output.is_finished():
                ended[output.request_id] = list(output.generated_tokens)
        whole = clock.own() - begun
        assert first is not None
        texts_out = tuple(self._tokenizer.decode(ended[key]) for key in order)
        return Answer(first[0], whole, first[1], sum(map(len, ended.values())), texts_out)

    def close(self) -> None:
        """End its thread."""
        self._manager.stop(block=True)
        self._manager.destroy()
