"""The prompts of a user's own actions: their words, with the code put in.

Input: a template with {selection}, {language}, {file} and {diagnostics} in it, and what stands for them. Output: a
`Prompt` or a `CodePrompt`. What is put in is not looked at for more of them. Knows nothing of where templates are from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from codefuse_lsp.prompts.formats import ModelFormat, Prompt, render
from codefuse_lsp.prompts.heads import Subject
from codefuse_lsp.prompts.languages import display_name
from codefuse_lsp.prompts.questions import CodePrompt, code_prompt, shown, turns

_PLACE = re.compile(r"\{(selection|language|file|diagnostics)\}")
NO_DIAGNOSTICS = "none"


def filled(template: str, subject: Subject, problems: Sequence[str]) -> str:
    """Return a template with the code in it; where it names no place for the selection, that stands at the end."""
    selection = shown(subject)
    values: Mapping[str, str] = {
        "selection": selection,
        "language": display_name(subject.language),
        "file": subject.path,
        "diagnostics": "\n".join(f"- {' '.join(problem.split())}" for problem in problems) or NO_DIAGNOSTICS,
    }
    text = _PLACE.sub(lambda place: values[place[1]], template.strip("\n"))
    return f"{text}\n" if "{selection}" in template else f"{text}\n\n{selection}"


def own_prompt(
    template: str, subject: Subject, problems: Sequence[str], model: ModelFormat, system: str = ""
) -> Prompt:
    """Return the prompt of an action whose answer is prose."""
    return render(model, turns(system, filled(template, subject, problems)))


def own_code_prompt(
    template: str, subject: Subject, problems: Sequence[str], model: ModelFormat, system: str = ""
) -> CodePrompt:
    """Return the prompt of an action whose answer is code."""
    return code_prompt(filled(template, subject, problems), subject.language, subject.code, model, system)
