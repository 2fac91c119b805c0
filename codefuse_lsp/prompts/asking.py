"""Asking for code that goes on where something ends, of a model whose answer cannot be begun for it.

A far end that writes prompts itself takes questions only. So the model is told with which line to begin, and what it
answers is read as code that goes on from there: fences, and the repeated line, are taken off. Knows nothing of editors.
"""

from __future__ import annotations

import re

from codefuse_lsp.prompts.fences import fenced
from codefuse_lsp.prompts.formats import ModelFormat, Prompt, Turn, render

GO_ON = (
    "Go on with the code below exactly where it ends. Answer with one block of code and nothing else. "
    "Begin with its last line, complete that line, and stop when the next few lines are written.\n"
)
AFTERWARDS = "After what you write, this follows; do not repeat it:\n"
_OPENING = re.compile(r"\s*(`{3,}|~{3,})[^\n]*\n")
_MAYBE_OPENING = re.compile(r"\s*(`{1,}[^\n]*|~{1,}[^\n]*)?")
_CLOSING = re.compile(r"^[ \t]*(`{3,}|~{3,})", re.M)


def asked_completion(prefix: str, suffix: str, language: str, model: ModelFormat) -> Prompt:
    """Return the question for the code between `prefix` and `suffix`; `heal` is the line that the answer begins with.

    What changes with each keystroke comes last.
    """
    after = AFTERWARDS + fenced(suffix, language) if suffix.strip() else ""
    question = GO_ON + after + "The code:\n" + fenced(prefix, language)
    return render(model, [Turn("human", question)], heal=last_line(prefix))


def last_line(text: str) -> str:
    """Return the last line with something on it, and all behind it."""
    body = text.rstrip()
    return text[body.rfind("\n") + 1 :]


def continuation(answer: str, line: str, *, ended: bool) -> str:
    """Return what an answer adds behind `line`, as far as that is certain: '' while it is not."""
    code = _code(answer, ended=ended)
    word, body = line.strip(), code.lstrip()
    if not ended and word.startswith(body.rstrip()):
        return ""  # it may still become the line
    if not word or not body.startswith(word):
        return code
    rest = body[len(word) :]
    blank = line[len(line.rstrip()) :]  # line ends and indentation that stand there already
    if "\n" in blank:
        return re.sub(r"\A[ \t]*\n(?:[ \t]*\n)*[ \t]*", "", rest)
    return rest.lstrip(" \t") if blank else rest


def _code(answer: str, *, ended: bool) -> str:
    """Return the code in the fence that an answer opens with, or the answer where it opens with none."""
    opening = _OPENING.match(answer)
    if opening is None:
        return "" if not ended and _MAYBE_OPENING.fullmatch(answer) else answer
    code = answer[opening.end() :]
    closing = _CLOSING.search(code)
    if closing:
        return code[: closing.start()].removesuffix("\n")
    return code if ended else re.sub(r"\n?[ \t]*[`~]*\Z", "", code)  # its end may be the closing fence's beginning
