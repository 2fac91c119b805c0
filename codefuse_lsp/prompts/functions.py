"""The prompt that asks for the rest of a function of which the head and the description are written.

Input: code that ends where the body begins, and a model's format. Output: a `Prompt`, and what its answer begins with.
For CodeFuse's models it is what they were evaluated with: the language tag, then the code, and no instruction
(codefuse-ai/codefuse-evaluation @09a4f2a, codefuseEval/processor/codefusellama34b.py). Knows nothing of tasks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from codefuse_lsp.prompts.completion import split_heal
from codefuse_lsp.prompts.fences import END_OF_FENCE, fenced
from codefuse_lsp.prompts.formats import ROLE_TAGS, ModelFormat, Prompt, Turn, render
from codefuse_lsp.prompts.languages import display_name, fence_name, language_tag

# Where a model that only goes on begins something else than the function (Chen et al. 2021, §3.1).
NEXT_THINGS = ("\nclass ", "\ndef ", "\n#", "\nif ")  # four is what the API allows


@dataclass(frozen=True, slots=True)
class FunctionPrompt:
    """A prompt for the rest of a function; `opening + answer` is the whole answer, where the prompt began it."""

    prompt: Prompt
    opening: str = ""


def function_prompt(code: str, language: str, model: ModelFormat) -> FunctionPrompt:
    """Return the prompt for what follows `code`."""
    if model.name in ROLE_TAGS:
        return FunctionPrompt(render(model, [Turn("human", f"{language_tag(language)}\n{code}")]))
    head, heal = split_heal(code)
    if not model.is_chat:
        prompt = render(model, [], head, heal)
        return FunctionPrompt(replace(prompt, stop=(*prompt.stop, *NEXT_THINGS)))
    question = f"Complete the following {display_name(language)} code:\n{fenced(code, language)}"
    if not model.takes_prefill:
        return FunctionPrompt(render(model, [Turn("human", question)]))
    opening = f"```{fence_name(language)}\n{head}"
    prompt = render(model, [Turn("human", question)], opening, heal)
    return FunctionPrompt(replace(prompt, stop=(*prompt.stop, END_OF_FENCE)), opening)
