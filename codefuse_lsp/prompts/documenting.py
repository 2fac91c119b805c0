"""The prompt for a definition's documentation: the comment alone, in the style of its file.

Input: a `Subject` and a `DocStyle`. Output: a `CodePrompt` whose answer is begun with what opens the comment and ends
with what closes it. Knows nothing of where the comment goes.
"""

from __future__ import annotations

from dataclasses import replace

from codefuse_lsp.context.doc_comments import DocStyle
from codefuse_lsp.prompts.formats import ModelFormat
from codefuse_lsp.prompts.heads import Subject
from codefuse_lsp.prompts.languages import language_tag
from codefuse_lsp.prompts.questions import CodePrompt, beside, code_prompt, named, shown


def document_prompt(subject: Subject, style: DocStyle, model: ModelFormat, system: str = "") -> CodePrompt:
    """Return the prompt for the documentation of `subject`."""
    tag = language_tag(subject.language)
    what = "docstring" if style.is_docstring else "documentation comment"
    question = (
        f"{tag}\n{beside(subject)}The code, from `{subject.path}`:\n{shown(subject)}"
        f"Write the {what} of {named(subject)} in {style.name} style ({style.example}). "
        "Say what it does, what it takes and gives back, and what it raises. "
        f"Write the {what} alone, and none of the code.\n"
    )
    begin = style.opening if style.is_docstring else f"{style.opening}\n{style.line}" if style.opening else style.line
    asked = code_prompt(question, subject.language, subject.code, model, system, begin=begin.lstrip("\n").rstrip(" "))
    if not model.takes_prefill:
        return asked
    ends = (style.opening,) if style.is_docstring else (style.closing.strip(),) if style.closing else ()
    return replace(asked, prompt=replace(asked.prompt, stop=(*asked.prompt.stop, *ends)))
