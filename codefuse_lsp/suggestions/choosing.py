"""Several answers to one question, and which of them the code after the cursor follows from best.

A model that reads from left to right, and was not taught to fill gaps, does not see what stands after the cursor. But
it can tell how probable that is after each answer: by Bayes' rule p(answer | before, after) is in the proportion of
p(answer | before) p(after | before, answer). So the answer takes other ways where it was least sure, and the product
decides among all of them. Where a far end does not judge what it is given, the lines' own probabilities decide: the
most probable words, one after the other, seldom make the most probable line. Of 34 lines of HumanEval-Infilling,
SmolLM2-135M continues 10 exactly; 14 are chosen among four in either way, and 17 are among them.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable
from dataclasses import replace

from codefuse_lsp.context.secrets import conceal
from codefuse_lsp.generation.connection import Connection
from codefuse_lsp.prompts.escape import escape
from codefuse_lsp.suggestions.filters import Place
from codefuse_lsp.suggestions.outcome import Outcome, Suggestion
from codefuse_lsp.suggestions.stream import Question, Stream

SURE = math.log(0.8)  # an answer that is more probable than this has no rival
WARMTH = 0.7  # the temperature of other answers, where a far end does not tell what else it might have written
QUICK = 60.0  # tokens a second, at which others take no longer than a pause between two keys
ALTERNATIVES = 2  # shown beside the best one where the user asked
PATIENCE_S = 4.0  # that the user waits for other answers; what is not there by then is left out

Fit = Callable[[str, Place], Awaitable[Outcome]]


async def chosen(connection: Connection, greedy: Stream, fit: Fit, number: int) -> list[Suggestion]:
    """Return what can be shown of an answer and of up to `number` others, the best first.

    Of a block, its first line stands by itself, too: where code follows, one line may be all that is missing. Raises
    CodeFuseError when the model is gone.
    """
    found: dict[str, tuple[Suggestion, float]] = {}
    for stream in (greedy, *await others(connection, greedy, number)):
        for text, place in _readings(stream):
            if isinstance(outcome := await fit(text, place), Suggestion):
                found.setdefault(outcome.text, (outcome, stream.log_probability))
    suggestions, own = [one for one, _ in found.values()], [probability for _, probability in found.values()]
    if greedy.question.following and len(found) > 1:
        own = await asyncio.gather(*(log_probability(connection, greedy.question, one) for one in suggestions))
    return [suggestions[index] for index in sorted(range(len(own)), key=lambda index: -own[index])]


def _readings(stream: Stream) -> list[tuple[str, Place]]:
    """Return an answer, and its first line where it may be a block that code follows."""
    text, place = stream.written, replace(stream.question.place, is_cut=stream.is_cut)
    if not place.block or not stream.question.following:
        return [(text, place)]
    start = len(text) - len(text.lstrip())
    line = text[:start] + text[start:].partition("\n")[0]
    return [(text, place), (line, replace(place, block=False, is_cut=False))]


def num_others(greedy: Stream, *, again: bool) -> int:
    """Return how many answers are worth waiting for beside the greedy one; `again` where the user wants others."""
    question, others = greedy.question, greedy.question.candidates - 1
    if again:
        return max(others, ALTERNATIVES)
    is_quick = question.has_time or greedy.tokens_per_s >= QUICK
    return others if is_quick and is_unsure(greedy) else 0


def is_unsure(stream: Stream) -> bool:
    """Whether a model told that it might well have written something else."""
    return bool(stream.logprobs) and sum(token.logprob for token in stream.logprobs) <= SURE


def other_ways(stream: Stream) -> list[tuple[str, str, float]]:
    """Return what else the answer could begin with, most probable first: its tokens up to a place, and another there.

    Both together begin with the healed text; then comes the logarithm of how probable they are. Tokens that are half a
    character are left out.
    """
    heal, before, elders = stream.question.request.heal, "", 0.0
    ways: dict[tuple[str, str], float] = {}
    for token in stream.logprobs:
        for text, logprob in token.top:
            way = before + text
            if text != token.token and "\ufffd" not in way and way.startswith(heal) and way[len(heal) :].strip():
                ways[before, text] = elders + logprob
        before, elders = before + token.token, elders + token.logprob
    return sorted(((*way, logprob) for way, logprob in ways.items()), key=lambda way: -way[2])


async def others(connection: Connection, greedy: Stream, number: int) -> list[Stream]:
    """Return other answers to the same question, as far as they are whole in time."""
    question = greedy.question
    streams = [Stream(connection, other) for other in _other_questions(greedy, number)]
    whole: set[Stream] = set()

    async def follow(stream: Stream) -> None:
        if await stream.rest_at(question.place.context, question.place) and stream.failure is None:
            whole.add(stream)

    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.gather(*map(follow, streams))
    finally:
        for stream in streams:
            stream.close()
    return [stream for stream in streams if stream in whole]  # the most probable beginning first


def _other_questions(greedy: Stream, number: int) -> list[Question]:
    question, request = greedy.question, replace(greedy.question.request, document="", logprobs=0)
    if ways := other_ways(greedy)[:number]:
        return [
            replace(
                question,
                request=replace(request, prompt=request.prompt + before, heal=text),
                begun=(before + text)[len(request.heal) :],
                begun_logprob=logprob,
            )
            for before, text, logprob in ways
        ]
    return [replace(question, request=replace(request, temperature=WARMTH))] * number  # nobody told the other words


async def log_probability(connection: Connection, question: Question, suggestion: Suggestion) -> float:
    """Return the logarithm of how probable a suggestion is together with the code that follows it."""
    context, request = question.place.context, question.request
    text = escape(conceal(suggestion.text, question.restorations), question.tags).replace(context.line_end, "\n")
    forced = request.heal + text + question.following[suggestion.replaces :]
    asked = replace(request, heal="", stop=(), forced=forced, logprobs=0, document="")
    total = 0.0
    async with contextlib.aclosing(connection.generate(asked)) as chunks:
        async for chunk in chunks:
            total += sum(token.logprob for token in chunk.logprobs)
    return total
