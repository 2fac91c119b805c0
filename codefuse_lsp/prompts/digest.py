"""What stands for the rounds of a chat that are left out: what was asked, and the names that the answers gave.

Input: rounds, the words that are asked about now, a limit in characters. Output: text. It is made of what was said,
word for word, and not written by the model: a summary would have the user wait for one generation more, at the very
moment when the whole prompt is read anew, and might be wrong. The excerpts that the rounds referred to stay, as far as
there is room, since the questions that follow are mostly about the same code. Knows nothing of tokens.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from codefuse_lsp.context.relevance import trimmed
from codefuse_lsp.prompts.chat import Reference, Round, excerpt

HEADING = "Earlier in this conversation, shortened:\n"
QUESTION_CHARS = 100
NAMES = 6  # of an answer
SAID_SHARE = 0.5  # of the room for what was said; the rest is for excerpts
LEAST_EXCERPT_CHARS = 200
_QUOTED = re.compile(r"`([^`\n]{2,60})`")
_NAMED = re.compile(r"\b(?:[a-z]+[A-Z]\w*|[A-Z][a-z]+[A-Z]\w*|\w+_\w+|\w+(?:\.\w+)+(?=\()|\w{3,}(?=\(\)))")


def digest(rounds: Sequence[Round], asked: frozenset[str], max_chars: int, told: Sequence[Reference] = ()) -> str:
    """Return what is told in place of rounds, at most `max_chars` of it; '' where there is no room for any.

    `told` are the references that stand elsewhere in the prompt.
    """
    lines: list[str] = []
    left = int(max_chars * SAID_SHARE) - len(HEADING)
    for this in reversed(rounds):  # the newest say most of what goes on
        line = _line(this)
        if len(line) > left:
            break
        lines.append(line)
        left -= len(line)
    said = HEADING + "".join(reversed(lines)) if lines else ""
    excerpts = _excerpts(rounds, asked, max_chars - len(said) - 2, told)
    return "\n".join(filter(None, [said, *excerpts])).rstrip("\n")


def names_in(answer: str, at_most: int = NAMES) -> list[str]:
    """Return the code that an answer names: what stands in backticks first, then what is spelt like an identifier."""
    found = (match[match.lastindex or 0].strip() for form in (_QUOTED, _NAMED) for match in form.finditer(answer))
    return list(islice(dict.fromkeys(name for name in found if name), at_most))


def _line(this: Round) -> str:
    question = next((line.strip() for line in this.question.splitlines() if line.strip()), "")
    if len(question) > QUESTION_CHARS:
        question = question[: question.rfind(" ", 0, QUESTION_CHARS) + 1 or QUESTION_CHARS].rstrip() + " …"
    names = ", ".join(f"`{name}`" for name in names_in(this.answer))
    return f"- Asked: {question}" + (f" The answer named {names}.\n" if names else "\n")


def _excerpts(rounds: Sequence[Round], asked: frozenset[str], max_chars: int, told: Sequence[Reference]) -> list[str]:
    """Return excerpts of what the rounds referred to, of each thing as it was told last, the newest first in line."""
    newest: dict[tuple[str, str, str], Reference] = {}
    for reference in (one for this in reversed(rounds) for one in reversed(this.references) if one.text.strip()):
        newest.setdefault((reference.kind, reference.path, reference.label), reference)
    names = {(reference.kind, reference.path, reference.label) for reference in told}
    kept, left = [], max_chars
    for name, reference in newest.items():
        room = left - len(excerpt(replace(reference, text=""))) - 3
        if name in names or room < LEAST_EXCERPT_CHARS:
            continue
        text = trimmed(reference.text, asked, room // 2, language=reference.language, kind=reference.kind)
        if text:
            kept.append(excerpt(replace(reference, text=text)))
            left -= len(kept[-1]) + 1
    return kept[::-1]
