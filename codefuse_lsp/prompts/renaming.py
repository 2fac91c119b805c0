"""The prompt for better names, and the names in its answer.

Input: code, a name in it, and a model's format; then the answer. Output: a `Prompt`; names as the model wrote them.
Knows nothing of which of them a language allows.
"""

from __future__ import annotations

import re

from codefuse_lsp.prompts.formats import ModelFormat, Prompt, render
from codefuse_lsp.prompts.heads import Subject
from codefuse_lsp.prompts.languages import display_name, language_tag
from codefuse_lsp.prompts.questions import shown, turns

ASKED_NAMES = 6
MOST_NAMES = 12
_LINE = re.compile(r"\s*(?:[-*•]|\d+[.)])?\s*[`\"'*]*([^\W\d][\w-]*)[`\"'*]*\s*(?:[(:,.—–-].*|=.*|)$")


def rename_prompt(subject: Subject, name: str, model: ModelFormat, system: str = "") -> Prompt:
    """Return the prompt for names in place of `name`, one a line."""
    question = (
        f"{language_tag(subject.language)}\nThe {display_name(subject.language)} code, from `{subject.path}`:\n"
        f"{shown(subject)}Propose {ASKED_NAMES} better names for `{name}`, which say what it stands for, in the style "
        "of the old one. Answer with the names alone, the best first, one on each line.\n"
    )
    return render(model, turns(system, question))


def names_proposed(answer: str) -> list[str]:
    """Return the names in an answer, in their order: of each line the first word, where the line is no sentence."""
    lines = answer.split("\n") if "\n" in answer.strip() else answer.split(",")
    found = (_LINE.match(line) for line in lines if not line.strip().endswith(":"))
    return list(dict.fromkeys(match[1] for match in found if match))[:MOST_NAMES]
