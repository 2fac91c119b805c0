"""Several answers to one question, and which of them the code after the cursor follows from best.

A model that reads from left to right, and was not taught to fill gaps, does not see what stands after the cursor. But
it can tell how probable that is after each answer: by Bayes' rule p(answer | before, after) is in the proportion of
p(answer | before) p(after | before, answer). So the answer takes other ways where it was least sure, and the product
decides among all of them. Where a far end does not judge what it is given, the lines' own probabilities decide: the
most probable words, one after the other, seldom make the most probable line. Of 34 lines of HumanEval-Infilling,
SmolLM2-135M continues 10 exactly; 14 are chosen among four in either way, and 17 are among them. What the model cannot
see at all, the names that the code below uses and nothing defines, some of the answers are made to begin with.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from codefuse_lsp.context.blocks import body_below
from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.context.secrets import conceal
from codefuse_lsp.generation.connection import Connection
from codefuse_lsp.prompts.escape import escape, restore
from codefuse_lsp.suggestions.cache import Hit
from codefuse_lsp.suggestions.filters import Place
from codefuse_lsp.suggestions.fitting import Weighed
from codefuse_lsp.suggestions.outcome import Suggestion
from codefuse_lsp.suggestions.stream import Question, Stream
from codefuse_lsp.suggestions.wanted import Wanted

SURE = math.log(0.8)  # an answer that is more probable than this has no rival
WARMTH = 0.7  # the temperature of other answers, where a far end does not tell what else it might have written
QUICK = 60.0  # tokens a second, at which others take no longer than a pause between two keys
ALTERNATIVES = 2  # shown beside the best one where the user asked
LAST_WORD_CHARS = 32
LONGER, LEAST_S = 3, 1.0  # times as long as the first answer took may the others take, and no less than this
SHARE = 0.5  # of the time that is left, at most; the rest is for judging them

OPENERS = (":", "{", "(", "[", ",", "\\", "=")  # at the end of a line: more of the same has to follow

Fit = Callable[[str, Place], Awaitable[Weighed]]  # of a text at a place


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of the suggestions among which is chosen, how it fits, and the answer that it was."""

    suggestion: Suggestion
    fit: Weighed
    stream: Stream


async def chosen(
    connection: Connection, greedy: Stream, fit: Fit, number: int, until: float, wanted: Wanted | None = None
) -> list[Suggestion]:
    """Return what can be shown of an answer and of up to `number` others, the best first where there is a choice.

    Some of the others begin as is `wanted` below. What leaves the file without a fault goes before what does not, and
    then what leaves fewer names undefined. As many others again are asked for where nothing is without a fault and
    something should: where nothing at all can be shown, or what is missing opens a block that stands below.
    `until` is when it must be chosen, in monotonic seconds. Raises CodeFuseError when the model is gone.
    """
    found: dict[str, Candidate] = {}
    beginnings = wanted.beginnings if wanted else ()
    await _take(found, [greedy, *await others(connection, greedy, number, until, beginnings)], fit)
    wanting = not found or is_opener_missing(greedy.question.place.context)
    if number and wanting and not any(one.fit.is_flawless for one in found.values()):
        await _take(found, await others(connection, greedy, number, until, skip=number), fit)
    if len(found) < 2 or greedy.question.candidates < 2:
        return [one.suggestion for one in found.values()]
    rank = {}
    for text, one in found.items():  # one by one: each finds the prompt in the slot of the last
        probable = one.stream.log_probability
        if (question := greedy.question).following:
            probable = await log_probability(connection, question, one.suggestion, one.stream.restored)
        rank[text] = (not one.fit.is_flawless, one.fit.undefined, -probable)
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
        weighed = await fit(text, place)
        if isinstance(weighed.outcome, Suggestion):
            outcome = replace(weighed.outcome, answer=Hit(text, "", place))
            found.setdefault(outcome.text, Candidate(outcome, weighed, stream))
        if not place.block or not stream.question.following or line == text:
            continue
        place = replace(place, block=False, is_cut=False)
        weighed = await fit(line, place)
        is_right = weighed.is_flawless or not line.rstrip().endswith(OPENERS)
        if isinstance(weighed.outcome, Suggestion) and is_right:
            outcome = replace(weighed.outcome, answer=Hit(line, "", place))
            found.setdefault(outcome.text, Candidate(outcome, weighed, stream))


def is_opener_missing(context: CursorContext) -> bool:
    """Return whether the code below an empty line stands deeper than that, so that the line has to open a block."""
    return context.on_blank_line and context.line_prefix != "" and body_below(context)


async def num_others(greedy: Stream, fit: Fit, wanted: Wanted | None, *, again: bool) -> int:
    """Return how many answers are worth waiting for beside the greedy one; `again` where the user wants others.

    They are where the model was not sure, and where its answer defines nothing of what the code below uses, or does
    not open what stands there.
    """
    number = greedy.question.candidates - 1
    if again:
        return max(number, ALTERNATIVES)
    if not number or (greedy.written.strip() and is_unsure(greedy)):
        return number
    if wanted is None or not wanted.beginnings:
        return 0
    greedy_fit = await fit(greedy.written, greedy.question.place)
    defines_some = greedy_fit.undefined < wanted.undefined or not wanted.undefined
    return 0 if defines_some and greedy_fit.is_flawless else number


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


async def others(
    connection: Connection,
    greedy: Stream,
    number: int,
    until: float,
    beginnings: Sequence[str] = (),
    skip: int = 0,
) -> list[Stream]:
    """Return other answers to the same question, as far as they are whole in time; not the `skip` likeliest of them."""
    question = greedy.question
    streams = [Stream(connection, other) for other in _other_questions(greedy, number, beginnings, skip)]
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


def _other_questions(greedy: Stream, number: int, beginnings: Sequence[str], skip: int) -> list[Question]:
    """Return questions whose answers have to begin otherwise: as is wanted below, and as the model might have.

    How probable the former are, nobody has told: unless the code below is asked, others that do as well go before them.
    """
    question = greedy.question
    question = replace(question, request=replace(question.request, document="", logprobs=0))
    if not (ways := other_ways(greedy)) and not beginnings:  # nobody told the other words
        request = replace(greedy.question.request, document="", temperature=WARMTH)
        return [replace(question, request=request)] * number
    begun = [other for beginning in beginnings if (other := begun_as(question, beginning)) is not None]
    return (begun + [question.begun_with(*way) for way in ways[skip:]])[:number]


def begun_as(question: Question, beginning: str) -> Question | None:
    """Return the question whose answer has to begin so, None where that would be a tag in the prompt.

    The model spells its last word itself, since most tokens begin with the blank before a word.
    """
    text = question.request.heal + beginning
    if escape(text, question.tags) != text:
        return None
    start = max(text.rfind(" "), text.rfind("\t"), text.rfind("\n"), 0)
    return question.begun_with(text[:start], text[start:], -math.inf)


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
