"""The prompt of an edit: code to change with what stands round it, and what is to be done.

Input: an `EditTask` and a model's format. Output: a `Prompt` whose answer is the new code alone, and the fence that it
stands in. What seldom changes comes first, the instruction last. Knows nothing of editors or of where the answer goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from codefuse_lsp.prompts.fences import fenced
from codefuse_lsp.prompts.formats import ModelFormat, Prompt, Turn, render
from codefuse_lsp.prompts.languages import display_name, fence_name

# Characters before and behind the code, ever fewer until the prompt fits. Before it says more than behind.
ROUND_CHARS = ((6_000, 3_000), (3_000, 1_500), (1_200, 600), (400, 200), (0, 0))
CHANGE = (
    "Answer with the whole code above as it is to be, in one block and without a word. Leave all that the instruction "
    "does not ask for exactly as it is. Do not repeat what stands before or behind.\n"
)
INSERT = "Answer with the code to put in there, in one block and without a word. Do not repeat what stands round it.\n"


@dataclass(frozen=True, slots=True)
class EditTask:
    """Code that is to be changed, '' where code is to be put in, and what stands before and behind it."""

    code: str
    before: str
    after: str
    instruction: str
    language: str
    path: str


@dataclass(frozen=True, slots=True)
class EditPrompt:
    """A prompt, and the ticks of the fence that it has opened for the answer; '' where the answer opens its own."""

    prompt: Prompt
    ticks: str


def edit_prompts(task: EditTask, model: ModelFormat, system: str = "") -> Iterator[EditPrompt]:
    """Yield ever shorter prompts: with less of what stands round the code, which is whole in all of them."""
    for before, after in ROUND_CHARS:
        yield edit_prompt(
            replace(task, before=_tail(task.before, before), after=_head(task.after, after)), model, system
        )


def edit_prompt(task: EditTask, model: ModelFormat, system: str = "") -> EditPrompt:
    """Return the prompt of an edit."""
    turns = [*([Turn("system", system)] if system.strip() else []), Turn("human", _question(task))]
    if not model.takes_prefill:
        return EditPrompt(render(model, turns), "")
    longest = max(map(len, re.findall(r"`+", task.code + task.instruction)), default=0)
    ticks = "`" * max(3, longest + 1)  # a fence in the code does not end the answer
    prompt = render(model, turns, f"{ticks}{fence_name(task.language)}\n")
    return EditPrompt(replace(prompt, stop=(*prompt.stop, f"\n{ticks}")), ticks)


def _question(task: EditTask) -> str:
    language = task.language
    parts = [f"This is a part of `{task.path}`, in {display_name(language) or 'plain text'}.\n"]
    if task.before.strip():
        parts.append(f"Before it stands:\n{fenced(task.before, language)}")
    if task.after.strip():
        parts.append(f"Behind it stands:\n{fenced(task.after, language)}")
    if task.code.strip():
        parts.append(f"The code to change:\n{fenced(task.code, language)}")
        parts.append(f"Instruction: {task.instruction.strip()}\n{CHANGE}")
    else:
        parts.append(f"Code is to be put in between.\nInstruction: {task.instruction.strip()}\n{INSERT}")
    return "".join(parts)


def _head(text: str, max_chars: int) -> str:
    return text if len(text) <= max_chars else text[: text.rfind("\n", 0, max_chars) + 1]


def _tail(text: str, max_chars: int) -> str:
    if len(text) <= max_chars:
        return text
    cut = text.find("\n", len(text) - max_chars)
    return text[cut + 1 :] if max_chars and cut >= 0 else ""
