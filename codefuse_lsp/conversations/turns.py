"""What a conversation is made of, and which of its turns follow each other. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from codefuse_lsp.errors import CodeFuseError

FinishReason = Literal["stop", "length", "cancelled", "error", "interrupted", "running", ""]  # '' of a question
References = Sequence[Mapping[str, Any]]  # as the client named them; nothing of what they refer to

TITLE_CHARS = 60


class ConversationError(CodeFuseError):
    """There is no such conversation or turn, or it cannot be gone on from there."""


def unknown_turn() -> ConversationError:
    """Return the error for a turn that is not there."""
    return ConversationError("There is no such turn in this conversation; it may have been deleted.")


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """One side's part in a conversation.

    `siblings` are the turns in its place, itself among them, in the order in which they came.
    """

    id: str
    role: str  # human or bot
    text: str
    secrets: tuple[str, ...] = ()  # of its round, which its own text may show and not tell
    parent: str | None = None
    created: float = 0.0  # seconds since the epoch
    finish_reason: FinishReason = ""
    references: References = ()
    siblings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Round:
    """A question and its answer, by their ids."""

    conversation: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Summary:
    """A conversation as it stands in a list; `snippet` is the place found, '' where nothing was looked for."""

    id: str
    title: str
    updated: float
    turns: int
    snippet: str = ""


def title_of(question: str) -> str:
    """Return the first words of a question, on one line."""
    line = " ".join(question[: 4 * TITLE_CHARS].split())
    if len(line) <= TITLE_CHARS:
        return line or "Chat"
    cut = line[: TITLE_CHARS - 1]
    words = cut.rpartition(" ")[0] if line[TITLE_CHARS - 1] != " " else cut
    return f"{words.rstrip() if len(words) >= TITLE_CHARS // 2 else cut}…"  # a text without spaces is cut anywhere


def branch(parents: dict[str, str | None], through: str | None) -> list[str]:
    """Return the ids from the first turn through `through` to the newest end behind it; None is the newest of all.

    `parents` of all turns are in the order in which these came. Raises ConversationError where `through` is unknown.
    """
    if through is None:
        return path_to(parents, next(reversed(parents), None))
    if through not in parents:
        raise unknown_turn()
    end, behind = through, {through}
    for turn, parent in parents.items():  # parents come before their children
        if parent in behind:
            behind.add(turn)
            end = turn
    return path_to(parents, end)


def path_to(parents: Mapping[str, str | None], end: str | None) -> list[str]:
    """Return the ids from the first turn to `end`."""
    path: list[str] = []
    while end is not None and end in parents:
        path.append(end)
        end = parents[end]
    return path[::-1]


def rounds(turns: Sequence[StoredTurn]) -> list[StoredTurn]:
    """Return the turns of a branch that a model can be told: questions that have an answer, with their answers."""
    pairs = pairwise(turns)
    told = [pair for pair in pairs if (pair[0].role, pair[1].role) == ("human", "bot") and pair[1].text.strip()]
    return [turn for pair in told for turn in pair]
