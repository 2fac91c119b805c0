"""The prompt of ghost text: what stands round the cursor, so that the model goes on where the cursor is.

Input: a `CursorContext` and a model's format. Output: a `Prompt`. What changes with each keystroke comes last, so that
successive prompts share their head. Knows nothing of tokens, nor of what is shown of the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.context.snippets import Snippet
from codefuse_lsp.prompts.asking import asked_completion
from codefuse_lsp.prompts.formats import ModelFormat, Prompt, Turn, render, render_gap
from codefuse_lsp.prompts.infilling import GAPS
from codefuse_lsp.prompts.languages import display_name, language_tag
from codefuse_lsp.prompts.snippets import shown_path, snippets_text

MAX_HEAL_CHARS = 256
OTHERS = "Other code of the project, to know what is there:\n\n"
ALONE = "Write the code of this file. Go on exactly where your answer stops, with code only.\n"
BEFORE = "Write the code that comes before the code below. Go on exactly where your answer stops, with code only.\n"


def completion_prompt(
    context: CursorContext, model: ModelFormat, snippets: Sequence[Snippet] = (), max_chars: int | None = None
) -> Prompt:
    """Return the prompt that has the code before the cursor as the beginning of the model's own answer.

    Models that fill gaps are shown one. For the others the code after the cursor comes first, and before it the
    snippets: what changes seldom is read once. With `max_chars`, the window is cut again to fit in so many characters.
    """
    prefix, suffix = context.prefix, context.suffix
    if max_chars is not None:
        prefix, suffix = _cut(prefix, suffix, max_chars)
    if not model.takes_prefill:
        return asked_completion(prefix, suffix, context.language, model)
    head, heal = split_heal(prefix)
    if model.gap:
        return _gap(head, suffix, heal, context, model, snippets)
    tag = language_tag(context.language)
    others = snippets_text(snippets, context.language)
    after = suffix.strip("\n") if suffix.strip() else ""
    if not model.is_chat:
        scaffold = "\n".join(filter(None, (tag, others, after)))
        return render(model, [Turn("human", scaffold)], head, heal)
    first = "\n".join(filter(None, (tag, OTHERS + others if others else "")))
    first += "\n" if first else ""
    instruction = BEFORE + f"\n{after}\n" if after else ALONE
    if not head.strip() and tag:
        head = f"{tag}\n{head}"  # an empty answer invites prose; one that begins with a comment is code already
    return render(model, [Turn("human", first + instruction)], head, heal)


def ghost_text_format(model: ModelFormat) -> ModelFormat:
    """Return how ghost text is asked of a model: as plain code where it was only taught to chat.

    Of 24 lines of HumanEval-Infilling, SmolLM2-135M-Instruct continues 8 exactly, and 6 in an answer of its own.
    """
    return replace(model, name="plain") if model.name == "chat_template" and not model.gap else model


def _gap(
    head: str, suffix: str, heal: str, context: CursorContext, model: ModelFormat, snippets: Sequence[Snippet]
) -> Prompt:
    files = [(shown_path(s.path), s.text.rstrip()) for s in snippets] if GAPS[model.gap].file else []
    if not files and (others := snippets_text(snippets, context.language)):
        head = f"{others}\n{head}"
    path, language = shown_path(context.path), display_name(context.language)
    return render_gap(model, files, heal, prefix=head, suffix=suffix, path=path, language=language)


def split_heal(prefix: str) -> tuple[str, str]:
    """Return the prefix without its last half word and the white space before that, and what was left out.

    A model writes a line end, its indentation and a word in tokens of its own choosing; a prompt that ends inside one
    gets an answer that no training text has (healing: 8 of 40 single lines against 1 of 40). A prefix of white space
    alone has nothing to heal: of it, only the indentation of the last line is left out.
    """
    if not prefix.strip():
        return prefix.rstrip(" \t"), ""
    earliest = max(0, len(prefix) - MAX_HEAL_CHARS)
    cut = len(prefix)
    while cut > earliest and _in_word(prefix[cut - 1]):
        cut -= 1
    while cut > earliest and prefix[cut - 1].isspace():
        cut -= 1
    return prefix[:cut], prefix[cut:]


def _in_word(char: str) -> bool:
    return f"a{char}".isidentifier()


def _cut(prefix: str, suffix: str, max_chars: int) -> tuple[str, str]:
    """Return a shorter prefix and suffix, 3 to 1, the prefix cut in whole quarters and both at line ends."""
    room = max(0, max_chars)
    if len(prefix) + len(suffix) <= room:
        return prefix, suffix
    after = suffix[: room // 4]
    suffix = suffix if after == suffix else after[: after.rfind("\n") + 1]
    room -= len(suffix)
    block = max(1, room // 4)
    excess = len(prefix) - room
    if excess > 0:
        start = -(-excess // block) * block
        line_start = prefix.find("\n", start) + 1
        prefix = prefix[line_start or start :]
    return prefix, suffix
