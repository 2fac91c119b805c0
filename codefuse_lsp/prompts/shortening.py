"""A chat made to fit: less of what is referred to and fewer of the old rounds, never less of the last question.

Input: a `Talk` and a room in characters. Output: a shorter `Talk`, and sentences that say what is missing in it. Rounds
are dropped many at a time, so that the prompts after it go on from each other again until the room is full once more.
The caller counts tokens. Knows nothing of them, nor of models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from codefuse_lsp.context.relevance import is_part, score, trimmed
from codefuse_lsp.context.similarity import words
from codefuse_lsp.prompts.chat import Reference, Round, Talk
from codefuse_lsp.prompts.digest import digest

REFERENCE_SHARE = 0.6  # of what the question leaves, for what it refers to, where the rounds before it want the rest
AGAIN_SHARE = 0.15  # of it, for each of those that stand in the prompt already, in part
LOW_SHARE = 0.6  # of the room for old rounds that is filled again when some are dropped
DIGEST_SHARE = 0.35  # of that, for what stands in their place
LEAST_REFERENCE_CHARS = 256  # a shorter excerpt says too little: it is left out
TURN_CHARS = 40  # of the tags round a turn, in most formats
FENCE_CHARS = 16


def shortened(talk: Talk, room_chars: int) -> Talk:
    """Return a conversation that takes about `room_chars` characters as a prompt, and at least its last question."""
    asked = frozenset(words(talk.asked.question))
    question = replace(talk.asked, references=())
    free = max(0, room_chars - len(talk.system) - _size(question) - TURN_CHARS)
    past = sum(map(_size, talk.past)) + len(talk.digest)
    wanted = sum(map(_reference_size, talk.asked.references))
    again, fresh = _again(talk), max(free - past, int(free * REFERENCE_SHARE))
    references = _fitted(talk.asked.references, asked, fresh, dict.fromkeys(again, int(free * AGAIN_SHARE)))
    free -= sum(map(_reference_size, references)) if wanted else 0
    told = replace(talk.asked, references=references)
    if past <= free:
        return replace(talk, rounds=(*talk.rounds[:-1], told))
    return _without_oldest(talk, told, asked, int(free * LOW_SHARE))


def bare(talk: Talk) -> Talk:
    """Return the system text and the last question alone."""
    asked = replace(talk.asked, references=())
    return replace(talk, rounds=(*talk.rounds[:-1], asked), dropped=len(talk.rounds) - 1, digest="")


def losses(wanted: Talk, told: Talk) -> list[str]:
    """Return what the user is to know: which rounds, and how much of what was referred to, the model is not told."""
    parts = []
    if missing := told.dropped + told.older:
        oldest = "question" if missing == 1 else f"{missing} questions"
        parts.append(f"the oldest {oldest} with what was answered" + (" (but for a digest)" if told.digest else ""))
    kept = {(one.kind, one.path, one.label): one.text for one in told.asked.references}
    for one in wanted.asked.references:
        text = kept.get((one.kind, one.path, one.label), "")
        if one.text.strip() and text != one.text:
            parts.append(f"parts of {one.name}" if text else one.name)
    return [f"To fit the model's context, left out: {', '.join(parts)}."] if parts else []


def _without_oldest(talk: Talk, told: Round, asked: frozenset[str], room_chars: int) -> Talk:
    """Return the newest rounds that fit, with a digest of the others; the last one is cut rather than dropped."""
    room = room_chars - int(room_chars * DIGEST_SHARE)
    kept: list[Round] = []
    for this in reversed(talk.past):
        if _size(this) > room and not kept:
            this = _squeezed(this, asked, room)
        if _size(this) > room:
            break
        room -= _size(this)
        kept.append(this)
    dropped = len(talk.rounds) - 1 - len(kept)
    others = [one for this in (*kept, told) for one in this.references]
    text = digest(talk.rounds[:dropped], asked, room_chars - sum(map(_size, kept)), others) if dropped else ""
    rounds = (*talk.rounds[:dropped], *reversed(kept), told)
    return replace(talk, rounds=rounds, dropped=dropped, digest=text)


def _squeezed(this: Round, asked: frozenset[str], room_chars: int) -> Round:
    """Return a round whose references, and if need be whose answer, are cut to what the question now is about."""
    said = _size(replace(this, references=()))
    references = _fitted(this.references, asked, max(0, room_chars - said))
    left = room_chars - (said - len(this.answer)) - sum(map(_reference_size, references))
    return replace(this, references=references, answer=trimmed(this.answer, asked, max(0, left)).rstrip("\n"))


def _again(talk: Talk) -> list[Reference]:
    """Return what the question refers to that was told before, cut, and has not changed since."""
    told = {(one.kind, one.path, one.label): one.text for this in talk.past for one in this.references}
    wanted = ((one, told.get((one.kind, one.path, one.label), "")) for one in talk.asked.references)
    return [one for one, before in wanted if before and is_part(before, one.text)]


def _fitted(
    references: Sequence[Reference],
    asked: frozenset[str],
    room_chars: int,
    most_chars: Mapping[Reference, int] | None = None,
) -> tuple[Reference, ...]:
    """Return references cut to what the question is about; where there is too little room for all, the best of them.

    `most_chars` is how much room some of them get at most.
    """
    wanted = [reference for reference in references if reference.text.strip()]
    most = max(0, room_chars // LEAST_REFERENCE_CHARS)
    if sum(map(_reference_size, wanted)) > room_chars and len(wanted) > most:
        best = sorted(range(len(wanted)), key=lambda n: (-score(wanted[n].text, asked), n))[:most]
        wanted = [wanted[number] for number in sorted(best)]
    most_of = most_chars or {}
    sizes = [min(_reference_size(one), most_of.get(one, room_chars)) for one in wanted]
    rooms = _shared(sizes, room_chars)
    cut = [_cut(reference, asked, room) for reference, room in zip(wanted, rooms, strict=True)]
    return tuple(reference for reference in cut if reference.text)


def _shared(sizes: Sequence[int], room_chars: int) -> list[int]:
    """Return how much room each gets: the small ones all they want, the large ones the same."""
    rooms, left = [0] * len(sizes), room_chars
    order = sorted(range(len(sizes)), key=lambda number: sizes[number])
    for position, number in enumerate(order):
        rooms[number] = min(sizes[number], left // (len(order) - position))
        left -= rooms[number]
    return rooms


def _cut(reference: Reference, asked: frozenset[str], room_chars: int) -> Reference:
    room = room_chars - (_reference_size(reference) - len(reference.text))
    if len(reference.text) <= room:
        return reference
    text = trimmed(reference.text, asked, max(0, room), language=reference.language, kind=reference.kind)
    return replace(reference, text=text)


def _size(this: Round) -> int:
    """Return about how many characters of a prompt a round takes."""
    return len(this.question) + len(this.answer) + sum(map(_reference_size, this.references)) + 2 * TURN_CHARS


def _reference_size(reference: Reference) -> int:
    return len(reference.path) + len(reference.label) + len(reference.language) + len(reference.text) + FENCE_CHARS
