"""The prompts of actions that write code anew: mend it, make it simpler, say it in another language.

Input: a `Subject`, and what is wrong with it. Output: a `CodePrompt`. Knows nothing of where the answer goes.
"""

from __future__ import annotations

from collections.abc import Sequence

from codefuse_lsp.prompts.formats import ModelFormat
from codefuse_lsp.prompts.heads import Subject
from codefuse_lsp.prompts.languages import display_name, language_tag
from codefuse_lsp.prompts.questions import CodePrompt, beside, code_prompt, named, shown

MOST_PROBLEMS = 20
MAX_PROBLEM_CHARS = 400
WHOLE = "Write all of it out, leave nothing out, and change nothing else.\n"


def fix_prompt(subject: Subject, problems: Sequence[str], model: ModelFormat, system: str = "") -> CodePrompt:
    """Return the prompt for the code without its problems; they are told by whoever found them."""
    said = "".join(f"- {' '.join(problem.split())[:MAX_PROBLEM_CHARS]}\n" for problem in problems[:MOST_PROBLEMS])
    question = (
        f"{_tag(subject)}Fix {named(subject)} from `{subject.path}`. What is wrong with it:\n{said}{beside(subject)}"
        f"The code:\n{shown(subject)}{WHOLE}"
    )
    return code_prompt(question, subject.language, subject.code, model, system)


def optimise_prompt(subject: Subject, model: ModelFormat, system: str = "") -> CodePrompt:
    """Return the prompt for simpler and faster code that does the same."""
    question = (
        f"{_tag(subject)}Rewrite {named(subject)} from `{subject.path}` so that it is simpler and faster and behaves "
        f"exactly as before; names, parameters and comments that still hold stay.\n{beside(subject)}"
        f"The code:\n{shown(subject)}{WHOLE}"
    )
    return code_prompt(question, subject.language, subject.code, model, system)


def translate_prompt(subject: Subject, language: str, model: ModelFormat, system: str = "") -> CodePrompt:
    """Return the prompt for the code in another language, as its programmers would write it."""
    question = (
        f"{_tag(subject)}Translate {named(subject)} from {display_name(subject.language)} to {display_name(language)}, "
        f"idiomatically and with all that it needs to run.\n{beside(subject)}The code:\n{shown(subject)}"
        f"{language_tag(language)}\n"
    )
    return code_prompt(question, language, subject.code, model, system)


def _tag(subject: Subject) -> str:
    tag = language_tag(subject.language)
    return f"{tag}\n" if tag else ""
