"""Write tests: a file of tests where the project keeps them, as an edit that the user sees before it is saved.

What the model writes is cut back to what parses; when nothing does, after one more try, the user is shown the text.
Where the user lets it be run, only what works is written (verify.py).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from lsprotocol import types

from codefuse_lsp.answers import request_for
from codefuse_lsp.context.statements import closed_statements
from codefuse_lsp.errors import DocumentChanged
from codefuse_lsp.generation.request import Priority
from codefuse_lsp.lsp.actions.asking import fitting, model_of
from codefuse_lsp.lsp.asking import answer_to
from codefuse_lsp.lsp.protocol.actions import Target
from codefuse_lsp.lsp.selection import unchanged
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.lsp.test_plans import Plan, tests_plan
from codefuse_lsp.lsp.verify import worth_offering
from codefuse_lsp.lsp.workspace_edits import new_file_edit, versioned
from codefuse_lsp.prompts.actions import TestsPrompt, tests_prompt, tests_text
from codefuse_lsp.prompts.fences import fenced
from codefuse_lsp.prompts.formats import ModelFormat
from codefuse_lsp.prompts.questions import MAX_BESIDE_CHARS

RETRY_TEMPERATURE = 0.7  # warm enough to come out otherwise


async def tests_edit(server: CodeFuseServer, target: Target) -> types.WorkspaceEdit | None:
    """Return the edit that adds tests for the target's code; None when the user was shown the text instead.

    With the user's consent they have been run, and only those that are worth it are in the edit. Raises CodeFuseError,
    DocumentChanged when the code, or the file of its tests, was edited meanwhile.
    """
    plan = await tests_plan(server, target)
    async with server.work_done.shown(f"Writing tests for {plan.subject.name or plan.subject.path}") as report:
        model = await model_of(server)
        prompt = await _fitting(server, plan, model)
        request = request_for(prompt.prompt, server.settings, Priority.ACTION)
        text = ""
        for attempt in (request, replace(request, temperature=RETRY_TEMPERATURE)):
            answer = await answer_to(server, attempt, model, plan.shown.restorations, report)
            if text := whole_tests(prompt, answer, plan):
                break
        unchanged(server, target)
        offered = await worth_offering(server, plan, model, text, report) if text else ""
    unchanged(server, target)
    if not text:
        await _show_instead(server, plan, tests_text(prompt, answer, plan.existing))
    if not offered:
        return None
    return _edit(plan, offered, await _version_there(server, plan), server.client_capabilities)


async def _fitting(server: CodeFuseServer, plan: Plan, model: ModelFormat) -> TestsPrompt:
    """Return the prompt with as much of the code, and of what stands beside it, as fits. Raises CodeFuseError."""
    subject, system = plan.subject, server.settings.system_prompt

    def build(code: str) -> TestsPrompt:
        beside = int(MAX_BESIDE_CHARS * len(code) / len(subject.code))
        return tests_prompt(replace(subject, code=code), plan.test_file, model, plan.shown.text, system, beside)

    _, shown = await fitting(server, lambda code: build(code).prompt, subject.code, subject.language)
    if shown != subject.code:
        name = subject.name or subject.path
        server.tell(f"Only the beginning of {name} fits the model's context; the rest is not tested.")
    return build(shown)


def whole_tests(prompt: TestsPrompt, answer: str, plan: Plan) -> str:
    """Return what parses of the head and the answer, '' when that holds no test."""
    text = closed_statements(tests_text(prompt, answer, plan.existing).lstrip("\n"), plan.subject.language)
    opening = prompt.head.rstrip().rpartition("\n")[2].strip()
    if opening not in text:
        return ""
    gap = prompt.head[: len(prompt.head) - len(prompt.head.lstrip("\n"))]
    return gap + text


async def _version_there(server: CodeFuseServer, plan: Plan) -> int | None:
    """Return the version of the file of tests, None where it is not open; raises DocumentChanged for another text."""
    there = server.document(plan.uri).frozen()
    if await asyncio.to_thread(lambda: there.source) != plan.existing:
        raise DocumentChanged(f"{plan.test_file.path.name} was changed meanwhile; please ask again.")
    return there.version


def _edit(plan: Plan, text: str, version: int | None, capabilities: types.ClientCapabilities) -> types.WorkspaceEdit:
    """Return the versioned edit: a new file, or text at the end of the one that is there."""
    if plan.there is None:
        return new_file_edit(plan.uri, text, capabilities)
    end = plan.there.end()
    return versioned(plan.uri, version, [types.TextEdit(types.Range(end, end), text)], capabilities)


async def _show_instead(server: CodeFuseServer, plan: Plan, text: str) -> None:
    server.tell("The model's tests do not parse; they are shown instead of written.", types.MessageType.Warning)
    view = server.views.open(f"tests-{plan.subject.name or 'file'}")
    await view.finish(f"# Tests that do not parse\n\n{fenced(text, plan.subject.language)}")
