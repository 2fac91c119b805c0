"""How well a model reads code: its perplexity, and how often it would write the token that a reference would.

Input: a transformers causal language model and token ids. Output: numbers. The text is read in windows that do not
overlap, one forward pass each, and logits are taken a few rows at a time, so memory does not grow with the text.
Knows nothing of how a model was loaded, quantised or run.
"""

from __future__ import annotations

import math
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

WINDOW = 1024  # tokens of one forward pass
ROWS = 128  # positions whose logits are held in fp32 at once: 25 MB with a vocabulary of 49,152
ENOUGH = 20_000  # tokens below which a figure is not worth telling

# What a precision must reach against fp32 to be offered.
MOST_PERPLEXITY_RATIO = 1.02
LEAST_AGREEMENT = 0.94


@dataclass(frozen=True, slots=True)
class Reading:
    """What one model made of a text: its perplexity, and the token it found likeliest at each position, (T,)."""

    perplexity: float
    likeliest: torch.Tensor


@dataclass(frozen=True, slots=True)
class Quality:
    """A model beside a reference; `agreement` is the part of the positions at which both find one token likeliest."""

    perplexity: float
    ratio: float  # of its perplexity to the reference's
    agreement: float

    @property
    def is_good_enough(self) -> bool:
        """Whether a precision with these figures may be offered."""
        return self.ratio <= MOST_PERPLEXITY_RATIO and self.agreement >= LEAST_AGREEMENT

    def __str__(self) -> str:
        return f"perplexity {self.perplexity:.3f} (ratio {self.ratio:.3f}), top-1 agreement {self.agreement:.3f}"


def read(model: Any, token_ids: Sequence[int], window: int = WINDOW) -> Reading:
    """Return what a model makes of a text; raises ValueError when there is nothing to predict in it."""
    if window < 2 or len(token_ids) < 2:
        raise ValueError("A text and a window need two tokens at least: one to read and one to predict.")
    loss, likeliest = 0.0, []
    for logits, targets in _predictions(model, token_ids, window):  # (R, V), (R,)
        loss += torch.nn.functional.cross_entropy(logits, targets, reduction="sum").item()
        likeliest.append(logits.argmax(-1).cpu())
    found = torch.cat(likeliest)  # (T,)
    return Reading(math.exp(loss / len(found)), found)


def compare(reading: Reading, reference: Reading) -> Quality:
    """Return how a reading stands beside a reference's of the same text."""
    same = (reading.likeliest == reference.likeliest).float().mean().item()
    return Quality(reading.perplexity, reading.perplexity / reference.perplexity, same)


def perplexity(model: Any, token_ids: Sequence[int], window: int = WINDOW) -> float:
    """Return exp of the mean negative log-likelihood of each token after the first of its window."""
    return read(model, token_ids, window).perplexity


def agreement(model: Any, reference: Any, token_ids: Sequence[int], window: int = WINDOW) -> float:
    """Return the part of the positions at which two models find the same token likeliest."""
    return compare(read(model, token_ids, window), read(reference, token_ids, window)).agreement


def code_text(num_chars: int = 160_000, folder: Path | None = None) -> str:
    """Return Python source of the standard library, the same at every call: a part of many files, in order of name.

    Without its tests, which are long and all alike. 160,000 characters are over 40,000 tokens of SmolLM2.
    """
    folder = folder or Path(sysconfig.get_path("stdlib"))
    parts, length = [], 0
    for file in sorted(folder.glob("*.py")):
        text = file.read_text("utf-8", errors="replace")[:6000]
        parts.append(text)
        length += len(text)
        if length >= num_chars:
            break
    return "\n".join(parts)[:num_chars]


@torch.inference_mode()
def _predictions(
    model: Any, token_ids: Sequence[int], window: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:  # (R, V) in fp32, (R,)
    device = model.get_input_embeddings().weight.device
    for start in range(0, len(token_ids) - 1, window):
        ids = torch.tensor(token_ids[start : start + window], device=device)  # (L,)
        if len(ids) < 2:
            continue
        logits = model(input_ids=ids[None], use_cache=False).logits[0, :-1]  # (L - 1, V)
        targets = ids[1:].to(logits.device)
        for row in range(0, len(targets), ROWS):
            yield logits[row : row + ROWS].float(), targets[row : row + ROWS]
