"""The prompts of code actions: explain this code, write tests for it.

Input: code and what is known of it, and a model's format. Output: a `Prompt`; for tests also the head of the file, with
which the model's answer begins. Knows nothing of edits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import ClassVar

from codefuse_lsp.context.test_files import TestFile
from codefuse_lsp.prompts.fences import END_OF_FENCE, before_fence_end, code_of, fenced
from codefuse_lsp.prompts.formats import ModelFormat, Prompt, render
from codefuse_lsp.prompts.heads import Subject, head_of
from codefuse_lsp.prompts.languages import display_name, fence_name, language_tag
from codefuse_lsp.prompts.questions import (
    CODE_ALONE,
    MAX_BESIDE_CHARS,
    MAX_CODE_CHARS,
    head_lines,
    named,
    tail_lines,
    turns,
)

BEGIN = "Begin exactly with:\n"


@dataclass(frozen=True, slots=True)
class TestsPrompt:
    """A prompt for tests, and the head that the answer goes on from: `head + answer` is the file, or appended to it."""

    __test__: ClassVar[bool] = False  # not a test case, in spite of its name

    prompt: Prompt
    head: str


def explain_prompt(
    code: str,
    language: str,
    path: str,
    model: ModelFormat,
    system: str = "",
    max_chars: int = MAX_CODE_CHARS,
) -> Prompt:
    """Return the prompt for an explanation of `code` in Markdown."""
    question = (
        f"Explain the following {display_name(language)} code from `{path}`: "
        "what it is for, how it works step by step, and what may surprise its reader.\n"
    )
    return render(model, turns(system, question + fenced(head_lines(code, max_chars), language)))


def tests_prompt(
    subject: Subject,
    test_file: TestFile,
    model: ModelFormat,
    existing: str = "",
    system: str = "",
    max_beside: int = MAX_BESIDE_CHARS,
) -> TestsPrompt:
    """Return the prompt for tests of `subject`; `existing` is what stands in the file they go to.

    `max_beside` is how many characters of that are shown, and as many of what stands before the code.
    """
    if test_file.in_source:  # it sees what it tests without an import
        subject = replace(subject, module="")
    head = head_of(subject, test_file.framework, test_file.path.stem, existing)
    question = _tests_question(subject, test_file, existing, max_beside)
    if not model.takes_prefill:
        begin = BEGIN + fenced(head, subject.language) if head else ""
        return TestsPrompt(render(model, turns(system, question + begin + CODE_ALONE)), head)
    if not model.is_chat:
        return TestsPrompt(render(model, turns(system, question), head.lstrip("\n")), head)
    opening = f"```{fence_name(subject.language)}\n"
    prompt = render(model, turns(system, question), opening + head.lstrip("\n"))
    return TestsPrompt(replace(prompt, stop=(*prompt.stop, END_OF_FENCE)), head)


def tests_text(prompt: TestsPrompt, answer: str, existing: str = "") -> str:
    """Return the head and the code of the answer as the text of the file, or of what is appended to it.

    Names that tests use and their head could not foresee are imported: for Python, pytest.
    """
    body = after_head(answer, prompt.head) if prompt.prompt.messages else before_fence_end(answer)
    text = prompt.head + body.rstrip() + "\n"
    is_pytest = re.search(r"\bpytest\.\w", text) and re.search(r"^\s*def test_", text, re.M)
    if is_pytest and not re.search(r"^import pytest\b", f"{existing}\n{text}", re.M):
        body = text.lstrip("\n")
        gap = "\n" if body.startswith(("from ", "import ")) else "\n\n"
        return text[: len(text) - len(body)] + f"import pytest\n{gap}{body}"
    return text


def after_head(answer: str, head: str) -> str:
    """Return what goes on behind `head` in an answer that was asked to begin with it, and may have begun otherwise."""
    code, opening = code_of(answer), head.rstrip().rpartition("\n")[2].strip()
    _, found, rest = code.partition(opening) if opening else ("", "", code)
    return rest if found or not opening else ""


def _tests_question(subject: Subject, test_file: TestFile, existing: str, max_beside: int) -> str:
    language = subject.language
    tag = language_tag(language)
    framework = f" with {test_file.framework}" if test_file.framework else ""
    parts = [
        f"{tag}\n" if tag else "",
        f"Write unit tests{framework} for {named(subject)} from `{subject.path}`. "
        "Test ordinary cases, then edge cases.\n",
    ]
    rest = subject.source_head.strip("\n")
    if rest and rest not in subject.code:
        parts.append(f"The file begins:\n{fenced(head_lines(rest, max_beside), language)}")
    parts.append(f"The code to test:\n{fenced(subject.code, language)}")
    if existing.strip() and not test_file.in_source:
        parts.append(f"The tests so far end:\n{fenced(tail_lines(existing, max_beside), language)}")
    return "".join(parts)
