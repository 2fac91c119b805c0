"""The prompt of a chat: what was said, what it refers to, and ever shorter forms of both.

Input: turns, references and a system text. Output: prompts, the fullest first. The caller counts their tokens and takes
the first that fits. Knows nothing of tokens or of where conversations are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from codefuse_lsp.prompts.fences import fenced
from codefuse_lsp.prompts.formats import ModelFormat, Prompt, Turn, render

LEAST_REFERENCE_CHARS = 256  # a shorter excerpt says too little: it is left out


@dataclass(frozen=True, slots=True)
class Reference:
    """A part of a file that the user points at; `label` says which, such as 'lines 3-9'."""

    path: str
    language: str
    text: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """A prompt, and what had to be left out of it."""

    prompt: Prompt
    rounds_left_out: int = 0  # a round is a question with its answer
    references_shortened: tuple[str, ...] = ()  # paths
    references_left_out: tuple[str, ...] = ()

    @property
    def left_out(self) -> str:
        """A sentence for the user, '' when nothing was left out."""
        parts = []
        if self.rounds_left_out:
            oldest = "question" if self.rounds_left_out == 1 else f"{self.rounds_left_out} questions"
            parts.append(f"the oldest {oldest} with what was answered")
        parts += [f"the end of {path}" for path in self.references_shortened]
        parts += list(self.references_left_out)
        return f"To fit the model's context, left out: {', '.join(parts)}." if parts else ""


def chat_turns(history: Sequence[Turn], references: Sequence[Reference], system: str = "") -> list[Turn]:
    """Return the turns to render: a system turn only where there is a system text or a reference, then the history."""
    parts = [system.strip()] if system.strip() else []
    if references:
        parts.append("The user refers to these excerpts:\n\n" + "\n".join(map(_excerpt, references)))
    return [*([Turn("system", "\n\n".join(parts))] if parts else []), *history]


def shrinking(
    history: Sequence[Turn],
    references: Sequence[Reference],
    model: ModelFormat,
    system: str = "",
    max_chars: int | None = None,
) -> Iterator[ChatPrompt]:
    """Yield ever shorter prompts: without the oldest rounds, then with less of the references, then without them.

    The system text and the last question are in all of them. With `max_chars`, the longer ones are passed over
    uncounted, all but the last.
    """
    held: ChatPrompt | None = None
    references = [reference for reference in references if reference.text.strip()]
    for rounds, kept in _shapes(history, references):
        prompt = render(model, chat_turns(history[_start_of(history, rounds) :], [r for r in kept if r.text], system))
        item = ChatPrompt(prompt, rounds, *_losses(references, kept))
        held = item
        if max_chars is None or len(prompt.text) <= max_chars:
            yield item
            held = None
    if held is not None:
        yield held


def _shapes(history: Sequence[Turn], references: Sequence[Reference]) -> Iterator[tuple[int, list[Reference]]]:
    """Yield how many rounds to leave out with what is left of the references; an empty text is a reference left out."""
    questions = sum(turn.role == "human" for turn in history)
    oldest = max(0, questions - 1)
    for rounds in range(oldest + 1):
        yield rounds, list(references)
    limit = max((len(reference.text) for reference in references), default=0) // 2
    while limit >= LEAST_REFERENCE_CHARS:
        yield oldest, [_shortened(reference, limit) for reference in references]
        limit //= 2
    kept = [_shortened(reference, LEAST_REFERENCE_CHARS) for reference in references]
    for index in range(len(kept) - 1, -1, -1):
        kept[index] = replace(kept[index], text="")
        yield oldest, list(kept)


def _start_of(history: Sequence[Turn], rounds: int) -> int:
    """Return the index of the turn that begins the round after the first `rounds`."""
    questions = [index for index, turn in enumerate(history) if turn.role == "human"]
    return questions[rounds] if rounds else 0


def _shortened(reference: Reference, limit_chars: int) -> Reference:
    if len(reference.text) <= limit_chars:
        return reference
    end = reference.text.rfind("\n", 0, limit_chars) + 1 or limit_chars
    return replace(reference, text=reference.text[:end], label=f"{reference.label} (the beginning)".strip())


def _losses(references: Sequence[Reference], kept: Sequence[Reference]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    pairs = list(zip(references, kept, strict=True))
    shortened = tuple(before.path for before, after in pairs if after.text and after.text != before.text)
    return shortened, tuple(before.path for before, after in pairs if before.text and not after.text)


def _excerpt(reference: Reference) -> str:
    label = f" {reference.label}" if reference.label else ""
    return f"`{reference.path}`{label}:\n{fenced(reference.text, reference.language)}"
