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
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from codefuse_lsp.context.blocks import body_below
from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.context.secrets import conceal
from codefuse_lsp.generation.connection import Connection
from codefuse_lsp.prompts.escape import escape, restore
from codefuse_lsp.suggestions.cache import Hit
from codefuse_lsp.suggestions.filters import Place
from codefuse_lsp.suggestions.outcome import Outcome, Suggestion
from codefuse_lsp.suggestions.stream import Question, Stream

SURE = math.log(0.8)  # an answer that is more probable than this has no rival
WARMTH = 0.7  # the temperature of other answers, where a far end does not tell what else it might have written
QUICK = 60.0  # tokens a second, at which others take no longer than a pause between two keys
ALTERNATIVES = 2  # shown beside the best one where the user asked
LAST_WORD_CHARS = 32
LONGER, LEAST_S = 3, 1.0  # times as long as the first answer took may the others take, and no less than this
SHARE = 0.5  # of the time that is left, at most; the rest is for judging them

OPENERS = (":", "{", "(", "[", ",", "\\", "=")  # at the end of a line: more of the same has to follow

# What can be shown of a text at a place, and whether nothing in the file is wrong with it.
Fit = Callable[[str, Place], Awaitable[tuple[Outcome, bool]]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of the suggestions among which is chosen, the answer that it was, and whether it leaves the file whole."""

    suggestion: Suggestion
    stream: Stream
    is_flawless: bool


async def chosen(connection: Connection, greedy: Stream, fit: Fit, number: int, until: float) -> list[Suggestion]:
    """Return what can be shown of an answer and of up to `number` others, the best first where there is a choice.

    What leaves the file without a fault goes before what does not. As many others again are asked for where nothing
    does and something should: where nothing at all can be shown, or what is missing opens a block that stands below.
    `until` is when it must be chosen, in monotonic seconds. Raises CodeFuseError when the model is gone.
    """
    found: dict[str, Candidate] = {}
    await _take(found, [greedy, *await others(connection, greedy, number, until)], fit)
    wanting = not found or is_opener_missing(greedy.question.place.context)
    if number and wanting and not any(one.is_flawless for one in found.values()):
        await _take(found, await others(connection, greedy, number, until, skip=number), fit)
    if len(found) < 2 or greedy.question.candidates < 2:
        return [one.suggestion for one in found.values()]
    rank = {}
    for text, one in found.items():  # one by one: each finds the prompt in the slot of the last
        probable = one.stream.log_probability
        if (question := greedy.question).following:
            probable = await log_probability(connection, question, one.suggestion, one.stream.restored)
        rank[text] = (not one.is_flawless, -probable)
    return [found[text].suggestion for text in sorted(rank, key=lambda text: rank[text])]


async def _take(found: dict[str, Candidate], streams: list[Stream], fit: Fit) -> None:
    """Put what can be shown of these answers to what was found.

    Of a block that code follows, also its first line: one line may be all that is missing. One that opens something
    has to find below what it opens.
    """
    for stream in streams:
        text, place = stream.sure(stream.written), replace(stream.question.place, is_cut=stream.is_cut)
        start = len(text) - len(text.lstrip())
        line = text[:start] + text[start:].partition("\n")[0]
        outcome, is_flawless = await fit(text, place)
        if isinstance(outcome, Suggestion):
            outcome = replace(outcome, answer=Hit(text, "", place))
            found.setdefault(outcome.text, Candidate(outcome, stream, is_flawless))
        if not place.block or not stream.question.following or line == text:
            continue
        place = replace(place, block=False, is_cut=False)
        outcome, is_flawless = await fit(line, place)
        if isinstance(outcome, Suggestion) and (is_flawless or not line.rstrip().endswith(OPENERS)):
            outcome = replace(outcome, answer=Hit(line, "", place))
            found.setdefault(outcome.text, Candidate(outcome, stream, is_flawless))


def is_opener_missing(context: CursorContext) -> bool:
    """Return whether the code below an empty line stands deeper than that, so that the line has to open a block."""
    return context.on_blank_line and context.line_prefix != "" and body_below(context)


def num_others(greedy: Stream, *, again: bool) -> int:
    """Return how many answers are worth waiting for beside the greedy one; `again` where the user wants others."""
    others = greedy.question.candidates - 1
    if again:
        return max(others, ALTERNATIVES)
    return others if greedy.written.strip() and is_unsure(greedy) else 0


def is_unsure(stream: Stream) -> bool:
    """Whether a model told that it might well have written something else."""
    return bool(stream.logprobs) and stream.log_probability <= SURE


def is_quick(stream: Stream) -> bool:
    """Whether a model writes so fast that others would hardly be noticed."""
    return stream.tokens_per_s is not None and stream.tokens_per_s >= QUICK


def other_ways(stream: Stream) -> list[tuple[str, str, float]]:
    """Return what else the answer could begin with, most probable first: its tokens up to a place, and another there.

    Both together begin with the healed text; then comes the logarithm of how probable they are. Tokens that are half a
    character are left out, and what stands behind a tag that the model spelt: in a prompt it would be one.
    """
    tags = stream.question.tags
    heal, before, elders = stream.question.request.heal, "", 0.0
    ways: dict[tuple[str, str], float] = {}
    for token in stream.logprobs:
        if escape(restore(before, tags), tags) != before:
            break
        for text, logprob in token.top:
            way = before + text
            is_other = bool(text) and not token.token.startswith(text) and "\ufffd" not in way
            if is_other and way.startswith(heal) and way[len(heal) :].strip():
                ways[before, text] = elders + logprob
        before += token.token
        elders += token.logprob if len(before) > len(heal) else 0.0  # the healed text is certain
    return sorted(((*way, logprob) for way, logprob in ways.items()), key=lambda way: -way[2])


async def others(connection: Connection, greedy: Stream, number: int, until: float, skip: int = 0) -> list[Stream]:
    """Return other answers to the same question, as far as they are whole in time; not the `skip` likeliest of them."""
    question = greedy.question
    streams = [Stream(connection, other) for other in _other_questions(greedy, number, skip)]
    patience_s = min(max(LONGER * greedy.written_s, LEAST_S), SHARE * (until - time.monotonic()))
    whole: set[Stream] = set()

    async def follow(stream: Stream) -> None:
        hit = await stream.rest_at(question.place.context)
        if hit is not None and hit.rest and stream.failure is None:
            whole.add(stream)

    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await asyncio.gather(*map(follow, streams))
    finally:
        for stream in streams:
            stream.close()
    return [stream for stream in streams if stream in whole]  # the most probable beginning first


def _other_questions(greedy: Stream, number: int, skip: int) -> list[Question]:
    question, request = greedy.question, replace(greedy.question.request, document="")
    if ways := other_ways(greedy):
        return [
            replace(
                question,
                request=replace(request, prompt=request.prompt + before, heal=text, logprobs=0),
                begun=(before + text)[len(request.heal) :],
                begun_logprob=logprob,
            )
            for before, text, logprob in ways[skip : skip + number]
        ]
    return [replace(question, request=replace(request, temperature=WARMTH))] * number  # nobody told the other words


async def log_probability(
    connection: Connection, question: Question, suggestion: Suggestion, restorations: Mapping[str, str]
) -> float:
    """Return the logarithm of how probable a suggestion is together with the code that follows it.

    `restorations` are the secrets that the model wrote placeholders of.
    """
    context, request = question.place.context, question.request
    text = escape(conceal(suggestion.text.replace(context.line_end, "\n"), restorations), question.tags)
    start = _last_word(request.prompt)
    forced = request.prompt[start:] + request.heal + text + question.following[suggestion.replaces :]
    judged = replace(request, prompt=request.prompt[:start], forced=forced, heal="", stop=(), max_tokens=1)
    total, is_told = 0.0, False
    async with contextlib.aclosing(connection.generate(replace(judged, logprobs=0, document=""))) as chunks:
        async for chunk in chunks:
            total, is_told = total + sum(token.logprob for token in chunk.logprobs), is_told or bool(chunk.logprobs)
    return total if is_told else -math.inf


def _last_word(prompt: str) -> int:
    """Return where a prompt's last word begins: it is judged with all alike, however each makes a tokenizer part it."""
    start = max(len(prompt) - LAST_WORD_CHARS, prompt.rfind(" "), prompt.rfind("\n"))
    return start if start > 0 else len(prompt)
