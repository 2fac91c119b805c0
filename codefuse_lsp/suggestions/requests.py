"""How ghost text is asked for: the model's format, and a request from a prompt. Pure."""

from __future__ import annotations

import hmac
import secrets

from codefuse_lsp.config import Settings
from codefuse_lsp.generation.request import GenerationRequest, ModelCard, Priority
from codefuse_lsp.prompts.formats import ModelFormat, Prompt, format_for
from codefuse_lsp.prompts.infilling import gap_of
from codefuse_lsp.suggestions.filters import Place

_KEY = secrets.token_bytes(16)


def model_format(card: ModelCard, settings: Settings) -> ModelFormat:
    """Return how prompts for this model are written: by setting, by what it told, else by its name.

    Where none of that says it, the far end has to write them.
    """
    by_name = format_for(card.id, card.chat_template)
    return ModelFormat(
        name=settings.prompt_format or card.prompt_format or ("messages" if by_name == "plain" else by_name),
        chat_template=card.chat_template,
        special_tokens=card.special_tokens,
        bos_token=card.bos_token,
        eos_token=card.eos_token,
        turn_separator=settings.turn_separator,
        gap=gap_of(card.id, card.special_tokens),
    )


def request_for(prompt: Prompt, place: Place, settings: Settings) -> GenerationRequest:
    """Return the request for ghost text: greedy, before everything else, and one line where one line is wanted."""
    return GenerationRequest(
        prompt=prompt.text,
        heal=prompt.heal,
        max_tokens=settings.completion_max_tokens,
        stop=prompt.stop if place.block or prompt.messages else (*prompt.stop, "\n"),
        temperature=0.0,
        priority=Priority.GHOST_TEXT,
        document=document_id(place.context.uri),
        messages=prompt.messages,
        logprobs=0 if settings.completion_confidence and not prompt.messages else None,
    )


def document_id(uri: str) -> str:
    """Return a name for a document that tells nothing of it to those who do not have this process's key."""
    return hmac.digest(_KEY, uri.encode("utf-8", "surrogatepass"), "sha256").hex()[:16]
