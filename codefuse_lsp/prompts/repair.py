"""The prompts of verifying tests: to mend them, and to fill a gap in one of them.

Input: what was tested, tests, and what may be told of their failures. Output: a `Prompt`. The code under test is shown
and never asked for. All that programs printed stands in fences, and render() escapes it: none of it becomes a role.
Knows nothing of what runs tests.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace

from codefuse_lsp.context.promises import promise_of
from codefuse_lsp.context.statements import closed_statements
from codefuse_lsp.prompts.fences import END_OF_FENCE, code_of, fenced
from codefuse_lsp.prompts.formats import ModelFormat, Prompt, Turn, render
from codefuse_lsp.prompts.heads import Subject
from codefuse_lsp.prompts.languages import fence_name, language_tag
from codefuse_lsp.prompts.questions import CODE_ALONE

# Together about 3,400 tokens, nearly all that a context of 4,096 holds beside the answer: the caller counts.
MAX_CODE_CHARS = 3_000
MAX_TEST_CHARS = 3_000  # of those that do not work
MAX_FAILURE_CHARS = 2_000  # of all failures together
RULES = (
    "Mend only the tests; the code stays as it is. What a test expects must follow from what the code is documented to "
    "do. Use no network, no files outside of a temporary folder, and nothing that is not installed.\n"
)


def repair_prompt(
    subject: Subject,
    framework: str,
    tests: str,
    failures: Sequence[tuple[str, str]],
    trouble: str,
    model: ModelFormat,
    system: str = "",
    share: float = 1.0,
) -> Prompt:
    """Return the prompt that has tests written anew; `failures` are names and what may be told of each.

    `trouble` is what keeps the whole file from being run, '' where it runs; `share` is how much is told of it all, of
    the most that may be.
    """
    tag = language_tag(subject.language)
    wanted = "the whole file" if trouble else ", ".join(f"`{name}`" for name, _ in failures)
    question = (
        f"{tag}\n" if tag else ""
    ) + (
        f"Some of these unit tests for {framework or subject.language} do not work. The code that they test, from "
        f"`{subject.path}`:\n{fenced(_head(subject.code, MAX_CODE_CHARS), subject.language)}"
        f"The tests:\n{fenced(_head(tests, int(MAX_TEST_CHARS * share)), subject.language)}"
        f"What is wrong with them:\n{_failures(failures, trouble, int(MAX_FAILURE_CHARS * share))}"
        f"Write {wanted} again, under the same names. {RULES}{CODE_ALONE}"
    )  # fmt: skip
    return _code_prompt(model, system, question, subject.language, "")


def gap_prompt(subject: Subject, masked: str, gap: str, model: ModelFormat, system: str = "") -> Prompt:
    """Return the prompt that asks what belongs into the gap of a test, by what the code promises and nothing else."""
    promise = promise_of(subject.code, subject.language) or subject.code.partition("\n")[0]
    question = (
        f"Of this code from `{subject.path}` you know only what it promises:\n"
        f"{fenced(_head(promise, MAX_CODE_CHARS), subject.language)}"
        f"Which value, or for an exception which name, belongs in the place of `{gap}` in this test, going by the "
        f"promise alone?\n{fenced(masked, subject.language)}"
    )
    if not model.takes_prefill or not model.is_chat:
        alone = f"Answer with what belongs in the place of `{gap}`, and nothing else.\n"
        return render(model, _turns(system, question + alone))
    return _code_prompt(model, system, question, subject.language, masked.partition(gap)[0].rstrip(" "))


def gap_answer(answer: str, masked: str, gap: str) -> str:
    """Return what an answer puts into the gap: what follows the gap on its line may stand in the answer too."""
    line = next((line for line in code_of(answer).splitlines() if line.strip()), "").strip()
    before, _, behind = masked.partition(gap)
    before, behind = before.rpartition("\n")[2].strip(), behind.partition("\n")[0].strip()
    line = line.removeprefix(before).strip() if before else line
    return (line[: line.rindex(behind)] if behind and behind in line else line).strip()


def repaired_tests(answer: str, language: str) -> str:
    """Return the code of an answer to `repair_prompt`, without a last test that was cut off."""
    code = textwrap.dedent(code_of(answer).strip("\n")) + "\n"
    return closed_statements(code, language) or code


def _code_prompt(model: ModelFormat, system: str, question: str, language: str, begun: str) -> Prompt:
    if not model.takes_prefill or not model.is_chat:
        return render(model, _turns(system, question))
    prompt = render(model, _turns(system, question), f"```{fence_name(language)}\n{begun}")
    return replace(prompt, stop=(*prompt.stop, END_OF_FENCE))


def _failures(failures: Sequence[tuple[str, str]], trouble: str, max_chars: int) -> str:
    if trouble:
        return f"The file cannot be run:\n{fenced(_head(trouble, max_chars), '')}"
    room = max_chars // max(1, len(failures))
    return "".join(f"`{name}`:\n{fenced(_head(told, room), '')}" for name, told in failures)


def _turns(system: str, question: str) -> list[Turn]:
    return [*([Turn("system", system)] if system.strip() else []), Turn("human", question)]


def _head(text: str, max_chars: int) -> str:
    return text if len(text) <= max_chars else f"{text[:max_chars].rstrip()}…"
