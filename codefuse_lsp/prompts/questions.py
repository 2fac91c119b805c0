"""What the prompts of actions have in common: a question with code in it, and an answer that must be code.

Input: texts, a model's format. Output: turns, cut texts, a `CodePrompt`. Knows nothing of what is asked.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass, replace

from codefuse_lsp.prompts.escape import escape
from codefuse_lsp.prompts.fences import fenced
from codefuse_lsp.prompts.formats import ModelFormat, Prompt, Turn, render, stops_of, tags_of
from codefuse_lsp.prompts.heads import Subject
from codefuse_lsp.prompts.languages import fence_name

MAX_CODE_CHARS = 8_000  # about 3,400 tokens: what a context of 4,096 holds beside the answer
MAX_BESIDE_CHARS = 2_000  # of the rest of the source file, and of the tests that are there
CODE_ALONE = "Answer with one block of code and nothing else.\n"


@dataclass(frozen=True, slots=True)
class CodePrompt:
    """A prompt for code; `opening + answer` is the answer as if it had not been begun for the model."""

    prompt: Prompt
    opening: str = ""


def code_prompt(
    question: str, language: str, near: str, model: ModelFormat, system: str, begin: str = ""
) -> CodePrompt:
    """Return the prompt of a question that is answered with one block of code, which begins with `begin`.

    Where the format takes it, the block is opened for the model and its answer ends with the block. `near` is code
    that may come back in the answer: its own fences do not end the block.
    """
    if not model.takes_prefill:
        asked = f"Begin the block exactly with `{begin.strip()}`.\n" if begin.strip() else ""
        return CodePrompt(render(model, turns(system, question + CODE_ALONE + asked)))
    fence = ticks(near)
    opening = f"{fence}{fence_name(language)}\n{begin}"
    prompt = render(model, turns(system, question), opening)
    return CodePrompt(replace(prompt, stop=(*prompt.stop, f"\n{fence}")), opening)


def own_turn(answer: str, model: ModelFormat, prompt: Prompt) -> str:
    """Return an answer up to where it begins another turn, of a far end that did not stop there.

    A tag that the question holds too is code that the answer may repeat.
    """
    tags = tags_of(model)
    begins = [tag for tag in stops_of(model) if tag in answer and escape(tag, tags) not in prompt.text]
    return answer[: min(map(answer.index, begins), default=len(answer))]


def turns(system: str, question: str) -> list[Turn]:
    """Return the turns of one question."""
    return [*([Turn("system", system)] if system.strip() else []), Turn("human", question)]


def ticks(text: str) -> str:
    """Return backticks that open a block which nothing in `text` can close."""
    return "`" * max(3, 1 + max(map(len, re.findall(r"`+", text)), default=0))


def named(subject: Subject) -> str:
    """Return how the code is called in a question."""
    if subject.owner and subject.name:
        return f"`{subject.owner}.{subject.name}`"
    return f"`{subject.name}`" if subject.name else "this code"


def beside(subject: Subject) -> str:
    """Return the beginning of the file as the question shows it, '' where the code holds it."""
    rest = subject.source_head.strip("\n")
    if not rest or rest in subject.code:
        return ""
    return f"The file begins:\n{fenced(head_lines(rest, MAX_BESIDE_CHARS), subject.language)}"


def shown(subject: Subject) -> str:
    """Return the code as the question shows it: as far left as it goes, which is where models write."""
    return fenced(textwrap.dedent(subject.code), subject.language)


def head_lines(text: str, max_chars: int) -> str:
    """Return the whole lines from a text's beginning that fit."""
    return text if len(text) <= max_chars else text[: text.rfind("\n", 0, max_chars) + 1] or text[:max_chars]


def tail_lines(text: str, max_chars: int) -> str:
    """Return the whole lines up to a text's end that fit."""
    return text if len(text) <= max_chars else text[text.find("\n", len(text) - max_chars) + 1 :]
