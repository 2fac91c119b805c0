"""How ghost text is asked for: the model's format, the prompt, and a request from that. Pure."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import replace

from codefuse_lsp.config import Settings
from codefuse_lsp.generation.request import GenerationRequest, ModelCard, Priority
from codefuse_lsp.prompts.completion import completion_prompt, ghost_text_format
from codefuse_lsp.prompts.escape import escape
from codefuse_lsp.prompts.formats import ModelFormat, Prompt, format_for, tags_of
from codefuse_lsp.prompts.infilling import gap_of
from codefuse_lsp.suggestions.filters import Place
from codefuse_lsp.suggestions.stream import Question
from codefuse_lsp.suggestions.surroundings import Shown

CANDIDATES = 4  # among which one is chosen; of 8 and of 12 no more lines were right, of HumanEval-Infilling's first 29
FOLLOWING_LINES, FOLLOWING_CHARS = 6, 300  # of the code after the cursor that decide; more tells little more
MOST_TOLD = 5  # alternatives of a token that completions APIs tell
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


def question_for(
    place: Place, shown: Shown, card: ModelCard, settings: Settings, *, invoked: bool = False, quick: bool = False
) -> Question:
    """Return what a model is asked at a place, and among how many answers is chosen there."""
    model = ghost_text_format(model_format(card, settings))
    tags = tags_of(model)
    number = num_candidates(settings, card, has_time=invoked or quick)
    context, after = shown.context, ""
    if card.scores and number > 1 and not model.gap and not model.is_chat and context.suffix.strip():
        context, after = replace(context, suffix=""), escape(following(context.suffix), tags)  # that chooses instead
    prompt = completion_prompt(context, model, shown.snippets)
    if prompt.messages or (place.block and not after):
        number = 1  # of blocks, the shorter is always the more probable one
    request = request_for(prompt, place, settings, others=(invoked and bool(card.device)) or number > 1)
    return Question(
        request,
        place,
        tags,
        shown.restorations,
        least=settings.completion_confidence,
        candidates=number,
        following=after,
        may_begin=number == 1 and bool(card.device) and not (model.gap or prompt.messages),
    )


def num_candidates(settings: Settings, card: ModelCard, *, has_time: bool) -> int:
    """Return among how many answers is chosen: several where the user has asked and waits, or the model is quick.

    Never for a far end that is not ours, since it cannot be held to begin with another word, nor where only what the
    model is sure of is shown.
    """
    if settings.completion_confidence or not card.device:
        return 1
    return settings.completion_candidates or (CANDIDATES if has_time else 1)


def following(suffix: str) -> str:
    """Return as much of the code after the cursor as decides between answers, in whole lines where there are any."""
    lines = suffix.rstrip().splitlines(keepends=True)[: FOLLOWING_LINES + 1]  # the first is the rest of the cursor's
    text = "".join(lines)
    if len(text) <= FOLLOWING_CHARS:
        return text.rstrip("\n")
    text = text[:FOLLOWING_CHARS]
    return text[: text.rfind("\n")] if text.rstrip("\n").rfind("\n") > 0 else text


def request_for(prompt: Prompt, place: Place, settings: Settings, *, others: bool = False) -> GenerationRequest:
    """Return the request for ghost text: greedy, before everything else, and one line where one line is wanted.

    With `others`, the model tells what else it might have written.
    """
    logprobs = MOST_TOLD if others else 0 if settings.completion_confidence else None
    return GenerationRequest(
        prompt=prompt.text,
        heal=prompt.heal,
        max_tokens=settings.completion_max_tokens,
        stop=prompt.stop if place.block or prompt.messages else (*prompt.stop, "\n"),
        temperature=0.0,
        priority=Priority.GHOST_TEXT,
        document=document_id(place.context.uri),
        messages=prompt.messages,
        logprobs=logprobs if not prompt.messages else None,
    )


def document_id(uri: str) -> str:
    """Return a name for a document that tells nothing of it to those who do not have this process's key."""
    return hmac.digest(_KEY, uri.encode("utf-8", "surrogatepass"), "sha256").hex()[:16]
