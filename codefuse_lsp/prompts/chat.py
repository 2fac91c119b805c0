"""The prompt of a chat: what was said, what each question referred to, and a system text.

Input: a `Talk`. Output: turns and prompts. What changes seldom stands first: the system text, what stands for rounds
that were left out, then each round as it was told, a question behind what it refers to. So the prompt of a follow-up
goes on from the last prompt and its answer, and the model reads nothing again. Knows nothing of tokens or of where
conversations are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from codefuse_lsp.prompts.fences import fenced
from codefuse_lsp.prompts.formats import ModelFormat, Prompt, Turn, render


@dataclass(frozen=True, slots=True)
class Reference:
    """Something that a question points at; `label` says which part of it, such as 'lines 3-9'.

    `kind` is file, selection, symbol, diagnostics, diff or terminal.
    """

    path: str  # or what it is called, where it is no file
    language: str
    text: str
    label: str = ""
    kind: str = "file"

    @property
    def name(self) -> str:
        """What it is called in sentences for the user."""
        return f"{self.path} {self.label}".strip()


@dataclass(frozen=True, slots=True)
class Round:
    """A question with what it refers to, and its answer; '' where it has none (yet)."""

    question: str
    references: tuple[Reference, ...] = ()
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation as it is told: the last round is the question that is asked."""

    rounds: tuple[Round, ...]
    system: str = ""
    dropped: int = 0  # of the rounds, the oldest, which are not told
    digest: str = ""  # what is told in their place
    older: int = 0  # rounds before all these, of which nothing is told

    @property
    def asked(self) -> Round:
        """The round that the model is to answer."""
        return self.rounds[-1]

    @property
    def past(self) -> tuple[Round, ...]:
        """The rounds before it that are told."""
        return self.rounds[self.dropped : -1]


def chat_turns(talk: Talk) -> list[Turn]:
    """Return the turns to render: a system turn only where there is a system text, then human and bot by turns.

    A question that was never answered is one with the question after it.
    """
    turns = [Turn("system", talk.system.strip())] if talk.system.strip() else []
    waiting = [talk.digest] if talk.digest else []
    for this, repeated in _with_repeated([*talk.past, talk.asked]):
        waiting.append(_question(this, repeated))
        if this.answer and this is not talk.asked:
            turns += [Turn("human", "\n\n".join(waiting)), Turn("bot", this.answer)]
            waiting = []
    return [*turns, Turn("human", "\n\n".join(waiting))]


def chat_prompt(talk: Talk, model: ModelFormat) -> Prompt:
    """Return the prompt of a conversation."""
    return render(model, chat_turns(talk))


def excerpt(reference: Reference) -> str:
    """Return a reference as the model reads it."""
    return f"{_heading(reference)}:\n{fenced(reference.text, reference.language)}"


def _with_repeated(rounds: Sequence[Round]) -> Iterator[tuple[Round, frozenset[int]]]:
    """Yield each round with the numbers of those of its references that stand in the prompt already, word for word."""
    told: set[Reference] = set()
    for this in rounds:
        repeated = set()
        for number, reference in enumerate(this.references):
            if reference in told:
                repeated.add(number)
            told.add(reference)
        yield this, frozenset(repeated)


def _question(this: Round, repeated: frozenset[int]) -> str:
    parts = [
        f"{_heading(reference)}: as above.\n" if number in repeated else excerpt(reference)
        for number, reference in enumerate(this.references)
        if reference.text.strip()
    ]
    return "\n".join([*parts, this.question])


def _heading(reference: Reference) -> str:
    label = f" {reference.label}" if reference.label else ""
    return f"`{reference.path}`{label}"
