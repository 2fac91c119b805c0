"""transformers' `generate`, called as the model card's quick start calls it; and a twin of a model for it.

The prompts go in turn: `generate` serves one caller at a time. Knows nothing of our engine.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, StoppingCriteria, StoppingCriteriaList
from transformers.utils import logging

from codefuse_lsp.worker.bench import clock
from codefuse_lsp.worker.bench.contest import Answer
from codefuse_lsp.worker.bench.measure import Cost
from codefuse_lsp.worker.tokenizer import Tokenizer


def read(folder: Path, device: str, dtype: str, attention: str = "sdpa") -> Any:
    """Return the checkpoint as transformers reads it, with none of our changes."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder, local_files_only=True, weights_only=True, dtype=getattr(torch, dtype), attn_implementation=attention
    )
    return model.to(device).eval().requires_grad_(False)


def twin(model: Any) -> Any:
    """Return a copy of a model's modules around the same tensors: what is done to one's modules spares the other."""
    tensors = itertools.chain(model.parameters(), model.buffers())
    return copy.deepcopy(model, {id(tensor): tensor for tensor in tensors})


class QuickStart:
    """`generate` on a model of transformers."""

    remembers = False

    def __init__(self, model: Any, tokenizer: Tokenizer, name: str = "generate") -> None:
        self.name = name
        self._model = model
        self._tokenizer = tokenizer

    def answer(self, texts: Sequence[str], new_tokens: int) -> Answer:
        """Answer one text after the other, with `new_tokens` each."""
        begun = _now(self._model.device)
        firsts: list[Cost] = []
        answered = [self._generate(text, new_tokens, lambda: firsts.append(clock.own() - begun)) for text in texts]
        whole = _now(self._model.device) - begun
        return Answer(firsts[0], whole, 1, sum(map(len, answered)), tuple(map(self._tokenizer.decode, answered)))

    def token_ids(self, text: str, new_tokens: int) -> list[int]:
        """Return the ids of the greedy answer."""
        return self._generate(text, new_tokens, lambda: None)

    def until_stopped(self, text: str, should_stop: Callable[[], bool]) -> None:
        """Generate until `should_stop`, asked where `generate` asks it: after each token."""
        self._generate(text, 64, lambda: None, should_stop)

    def close(self) -> None:
        """Let go of the model."""
        self._model = None

    @torch.inference_mode()
    def _generate(
        self, text: str, new_tokens: int, on_token: Callable[[], None], should_stop: Callable[[], bool] = lambda: False
    ) -> list[int]:
        ids = torch.tensor([self._tokenizer.encode(text)], device=self._model.device)  # (1, L)
        output = self._model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=new_tokens,
            min_new_tokens=new_tokens,
            do_sample=False,
            temperature=None,
            top_p=None,
            top_k=None,
            pad_token_id=0,
            stopping_criteria=StoppingCriteriaList([_Watch(on_token, should_stop)]),
        )
        result: list[int] = output[0, ids.shape[1] :].tolist()
        return result

    def __repr__(self) -> str:
        return self.name


class _Watch(StoppingCriteria):
    """Tells of each token, and stops when it is told to."""

    def __init__(self, on_token: Callable[[], None], should_stop: Callable[[], bool]) -> None:
        self._on_token = on_token
        self._should_stop = should_stop

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        int(input_ids[0, -1])  # waits for the device: the token is there, not only asked for
        self._on_token()
        return torch.full((input_ids.shape[0],), self._should_stop(), device=input_ids.device, dtype=torch.bool)


def _now(device: Any) -> Cost:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
    return clock.own()
