"""The prompt for a commit message, and the message in its answer.

Input: the staged diff, the subjects of earlier commits, and a model's format; then the answer. Output: a `Prompt`; a
message as git takes it. Knows nothing of git.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from codefuse_lsp.prompts.fences import code_of, fenced
from codefuse_lsp.prompts.formats import ModelFormat, Prompt, render
from codefuse_lsp.prompts.questions import turns

MOST_SUBJECTS = 8
_LEAD = re.compile(
    r"\s*(?:(?:sure|certainly|here(?:'s| is| are)|the (?:commit )?message)\b[^\n]*:\s*\n|(?:commit )?message:\s*)", re.I
)


def commit_prompt(diff: str, subjects: Sequence[str], model: ModelFormat, system: str = "") -> Prompt:
    """Return the prompt for the message of a commit; `subjects` are the first lines of the last ones, newest first."""
    earlier = "".join(f"- {subject}\n" for subject in subjects[:MOST_SUBJECTS])
    question = (
        f"The staged changes:\n{fenced(diff, 'diff')}"
        + (f"The last commits of this repository are called:\n{earlier}" if earlier else "")
        + "Write the commit message: one line of at most 72 characters that says what changes and why, in the form of "
        "the earlier ones, then, only where more has to be said, a blank line and a few lines more. "
        "Answer with the message alone.\n"
    )
    return render(model, turns(system, question))


def message_in(answer: str) -> str:
    """Return the message that an answer holds, without what was said round it; '' where there is none."""
    text = code_of(answer) if re.search(r"^\s*(?:```|~~~)", answer, re.M) else answer
    text = _LEAD.sub("", text, count=1).strip()
    lines = [line.rstrip() for line in text.split("\n") if not line.startswith("#")]  # a comment, for git
    while lines and not lines[0]:
        lines.pop(0)
    if not lines:
        return ""
    if len(lines) == 1 or not "".join(lines[1:]).strip("\"'`"):
        return lines[0].strip().strip("\"'`").strip()
    subject = lines[0].strip("*` ").removeprefix('"')
    body = "\n".join(lines[1:]).strip("\n").removesuffix('"')
    return f"{subject}\n\n{body}".strip()
