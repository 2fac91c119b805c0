"""The prompt of a review, and the findings in its answer.

Input: code and a model's format; then the answer. Output: a `Prompt`; findings with the line that each is about, by
the number or the code that the answer quotes. Knows nothing of diagnostics.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from codefuse_lsp.prompts.fences import fenced
from codefuse_lsp.prompts.formats import ModelFormat, Prompt, render
from codefuse_lsp.prompts.heads import Subject
from codefuse_lsp.prompts.languages import display_name, language_tag
from codefuse_lsp.prompts.questions import beside, named, turns

Severity = Literal["error", "warning", "hint"]
MOST_FINDINGS = 30
MAX_MESSAGE_CHARS = 500
LEAST_QUOTED_CHARS = 3  # shorter pieces of code stand in too many lines

_NUMBER = re.compile(r"\W*(?:lines?|L)?\s*(\d{1,6})(?:\s*[-–]\s*(\d{1,6}))?\s*(?=[:|.)\]*`—-])", re.I)
_QUOTED = re.compile(r"`([^`]+)`")
_SEVERITY = re.compile(
    r"\b(error|bug|critical|security|warning|warn|hint|style|info(?:rmation)?|suggestion|nit)\b[\s:|)\]*–—-]*", re.I
)
_NOTHING = re.compile(r"\W*(?:no|none|nothing|lgtm)\b", re.I)
_SEVERITIES: dict[str, Severity] = {
    **dict.fromkeys(("error", "bug", "critical", "security"), "error"),
    **dict.fromkeys(("hint", "style", "info", "information", "suggestion", "nit"), "hint"),
}


@dataclass(frozen=True, slots=True)
class Found:
    """One finding; lines are counted from 0 from the first line of the code."""

    first: int
    last: int
    severity: Severity
    message: str


def review_prompt(subject: Subject, first_line: int, model: ModelFormat, system: str = "") -> Prompt:
    """Return the prompt for findings, one a line, by the numbers that the lines have in their file."""
    lines = subject.code.rstrip("\n").split("\n")
    numbered = "\n".join(f"{first_line + n + 1}| {line}" for n, line in enumerate(lines))
    question = (
        f"{language_tag(subject.language)}\nReview {named(subject)} from `{subject.path}`: bugs, wrong edge cases, "
        f"security, and what is needlessly slow or hard to read. {beside(subject)}"
        f"The {display_name(subject.language)} code, each line behind its number:\n{fenced(numbered, subject.language)}"
        "Answer with one line for each finding, most serious first, and nothing else, in the form\n"
        "NUMBER: error, warning or hint: what is wrong and how to mend it\n"
        "If nothing is wrong, answer: none\n"
    )
    return render(model, turns(system, question))


def findings_in(answer: str, code: Sequence[str], first_line: int) -> list[Found] | None:
    """Return the findings of an answer; None where it says something that cannot be placed, and nothing that can.

    `first_line` is the number of the first line of `code` in its file, counted from 0.
    """
    found: dict[tuple[int, str], Found] = {}
    said = [line for line in answer.splitlines() if line.strip(" `-*#|")]
    for line in said:
        one = _finding(line, code, first_line)
        if one is not None:
            found.setdefault((one.first, one.message), one)
    if found:
        return list(found.values())[:MOST_FINDINGS]
    return [] if not said or _NOTHING.match(said[0]) else None


def _finding(line: str, code: Sequence[str], first_line: int) -> Found | None:
    numbers = _NUMBER.match(line)
    rest = line[numbers.end() :] if numbers else line
    rows = _quoted_rows(rest, code)
    if numbers:
        first, last = int(numbers[1]), int(numbers[2] or numbers[1])
        at = (first - 1 - first_line, last - 1 - first_line)
        if rows is None and not 0 <= at[0] <= at[1] < len(code):
            return None
        rows = at if rows is None or (0 <= at[0] <= at[1] < len(code) and at[0] <= rows[0] <= at[1]) else rows
    if rows is None:
        return None
    severity = _SEVERITY.search(rest[:40])
    message = (rest[: severity.start()] + rest[severity.end() :] if severity else rest).strip(" :|*-–—.)]\t")
    if len(message) < LEAST_QUOTED_CHARS:
        return None
    name: Severity = _SEVERITIES.get(severity[1].lower(), "warning") if severity else "warning"
    return Found(*rows, name, message[:1].upper() + message[1:MAX_MESSAGE_CHARS])


def _quoted_rows(text: str, code: Sequence[str]) -> tuple[int, int] | None:
    """Return the one line that holds a piece of code which the text quotes; None where none or several do."""
    for piece in _QUOTED.findall(text):
        if len(piece.strip()) >= LEAST_QUOTED_CHARS:
            rows = [row for row, line in enumerate(code) if piece.strip() in line]
            if len(rows) == 1:
                return rows[0], rows[0]
    return None
