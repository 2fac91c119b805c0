"""Whether a prompt and the answer to it fit in a model's context."""

from __future__ import annotations

from collections.abc import Sequence

from codefuse_lsp.errors import RequestRefused
from codefuse_lsp.generation.request import GenerationRequest


def require_room(ids: Sequence[int], request: GenerationRequest, max_model_len: int) -> None:
    """Raise RequestRefused when a prompt is empty, or with what is asked for longer than `max_model_len` tokens."""
    if not ids:
        raise RequestRefused("The prompt is empty; nothing can be continued.", 400)
    if len(ids) > max_model_len - request.max_tokens:
        raise RequestRefused(
            f"The prompt has {len(ids)} tokens and {request.max_tokens} are asked for, which is more than the "
            f"model's context of {max_model_len}. Send less, or raise the setting context_length.",
            400,
        )
