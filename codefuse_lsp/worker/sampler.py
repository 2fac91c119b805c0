"""From logits to a token. Letters: V vocabulary. Knows nothing of text."""

from __future__ import annotations

from collections.abc import Sequence as Ids

import torch


def restrict(logits: torch.Tensor, allowed_ids: Ids[int]) -> torch.Tensor:
    """Return logits, (V,), in which only `allowed_ids` can be chosen."""
    ids = torch.tensor(allowed_ids, device=logits.device)
    return torch.full_like(logits, -torch.inf).index_copy(0, ids, logits[ids])  # (V,)


def choose(logits: torch.Tensor, temperature: float, top_p: float, generator: torch.Generator | None) -> int:
    """Return a token id from logits, (V,): the most probable at temperature 0, else a nucleus sample.

    Nucleus sampling keeps the smallest set of tokens whose probability reaches `top_p` (Holtzman et al., 2020).
    """
    if temperature <= 0:
        return int(logits.argmax())
    # The best is 0, and stays so however near to 0 the temperature is: infinity would have no probability.
    below = logits.double() - logits.max()  # (V,)
    probabilities = (below / temperature).softmax(-1).cpu()  # (V,)
    if top_p < 1:
        ordered, order = probabilities.sort(descending=True, stable=True)  # (V,), (V,)
        outside = ordered.cumsum(-1) - ordered >= top_p  # (V,): what stands before already reaches top_p
        probabilities[order[outside]] = 0
    return int(torch.multinomial(probabilities, 1, generator=generator))


def log_probabilities(logits: torch.Tensor, token_id: int, count: int) -> tuple[float, list[tuple[int, float]]]:
    """Return the natural log-probability of `token_id` under logits, (V,), and the `count` most probable tokens."""
    logprobs = logits.log_softmax(-1)  # (V,)
    top = logprobs.topk(count) if count else None
    alternatives = list(zip(top.indices.tolist(), top.values.tolist(), strict=True)) if top else []
    return float(logprobs[token_id]), alternatives
