"""Which lines of a chat document change when a question is sent, while its answer is written, and when that has ended.

Lines in, one edit of whole lines out. Each looks at the document as it is by now: the user may have typed anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codefuse_lsp.chat_document.turns import HEADINGS, WRITING, DocumentTurn, parse, writing_line
from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.markdown import closing_line


class NothingToSend(CodeFuseError):
    """The document does not end with what the user wants to have answered."""


@dataclass(frozen=True, slots=True)
class LineEdit:
    """Lines, without their ends, in place of those from `start` up to `stop`."""

    start: int
    stop: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sending:
    """A question with the turns before it, and the edit that makes a place for its answer."""

    before: tuple[tuple[str, str], ...]  # role and text
    question: str
    edit: LineEdit


def sending(lines: Sequence[str]) -> Sending:
    """Return what is sent: the question that the document ends with. Raises NothingToSend."""
    turns = [turn for turn in parse(_joined(lines)) if turn.text.strip()]
    if not turns or turns[-1].role != "human":
        raise NothingToSend(f"There is no question to send: write it below a heading `{HEADINGS['human']}` at the end.")
    *before, question = _merged(turns)
    last = _last_written(lines, turns[-1])
    closing = closing_line(_joined(lines[turns[-1].heading + 1 : last + 1]))
    place = (*([closing] if closing else []), "", HEADINGS["bot"], "", WRITING)
    return Sending(tuple(before), question[1], LineEdit(last + 1, last + 1, place))


def sending_again(lines: Sequence[str]) -> Sending:
    """Return what is sent to have the answer that the document ends with anew. Raises NothingToSend."""
    turns = [turn for turn in parse(_joined(lines)) if turn.text.strip()]
    if len(turns) < 2 or (turns[-2].role, turns[-1].role) != ("human", "bot"):
        raise NothingToSend("The document does not end with an answer that could be written anew.")
    *before, question = _merged(turns[:-1])
    answer = turns[-1]
    place = (HEADINGS["bot"], "", WRITING)
    return Sending(tuple(before), question[1], LineEdit(answer.heading, _last_written(lines, answer) + 1, place))


def growing(lines: Sequence[str], said: Sequence[str]) -> LineEdit | None:
    """Return the edit that puts more lines of the answer in its place; None where the user has taken that away."""
    place = writing_line(lines)
    return None if place is None else LineEdit(place, place, tuple(said))


def ended(lines: Sequence[str], said: Sequence[str]) -> LineEdit | None:
    """Return the edit that puts the last lines of the answer in its place, and below it a heading for what is next."""
    place = writing_line(lines)
    if place is None:
        return None
    behind = next((line for line in lines[place + 1 :] if line.strip()), "")
    is_headed = any(turn.role == "human" for turn in parse(behind))
    return LineEdit(place, place + 1, (*said, "", *([] if is_headed else [HEADINGS["human"], ""])))


def taken_back(lines: Sequence[str]) -> LineEdit | None:
    """Return the edit that takes the place of an answer away again; an answer that has begun is ended instead."""
    place = writing_line(lines)
    if place is None:
        return None
    written = [number for number in range(place) if lines[number].strip()]
    if not written or lines[written[-1]].rstrip() != HEADINGS["bot"]:
        return ended(lines, ())
    start = written[-1]
    start -= start > 0 and not lines[start - 1].strip()  # the blank line that came with it
    return LineEdit(start, place + 1, ())


def apply(lines: Sequence[str], edit: LineEdit) -> list[str]:
    """Return the lines as they are after an edit."""
    return [*lines[: edit.start], *edit.lines, *lines[edit.stop :]]


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(line.rstrip("\r\n") for line in lines)


def _last_written(lines: Sequence[str], turn: DocumentTurn) -> int:
    """Return the number of a turn's last line that is not blank."""
    written = [number for number in range(turn.heading, turn.stop) if lines[number].strip()]
    return written[-1]


def _merged(turns: Sequence[DocumentTurn]) -> list[tuple[str, str]]:
    """Return roles and texts, neighbours of one role as one turn."""
    merged: list[tuple[str, str]] = []
    for turn in turns:
        if merged and merged[-1][0] == turn.role:
            merged[-1] = (turn.role, f"{merged[-1][1]}\n\n{turn.text}")
        else:
            merged.append((turn.role, turn.text))
    return merged
