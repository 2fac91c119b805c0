"""Tests are run before they are offered, where the user lets them be: the consent, the run, and what is told of it.

Input: a plan and the tests that a model wrote. Output: the tests to offer, '' for none; the user is told what ran, what
passed, what was dropped, and what may be a bug in the code. Without consent or a way to run them, they are offered as
they are, and said not to have been run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types

from codefuse_lsp import config
from codefuse_lsp.answers import request_for
from codefuse_lsp.context.ignore import may_read
from codefuse_lsp.context.secrets import Excerpt, Redacted
from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.generation.request import Priority
from codefuse_lsp.lsp.actions.asking import fitting
from codefuse_lsp.lsp.asking import answer_to
from codefuse_lsp.lsp.document import Document
from codefuse_lsp.lsp.progress import Report
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.lsp.test_plans import Plan
from codefuse_lsp.lsp.verdicts import details, summary
from codefuse_lsp.prompts.formats import ModelFormat, Prompt
from codefuse_lsp.prompts.repair import MAX_CODE_CHARS, gap_answer, gap_prompt, repair_prompt, repaired_tests

if TYPE_CHECKING:
    from codefuse_lsp.verification.claims import Claim
    from codefuse_lsp.verification.drafts import Failure, Verdict
    from codefuse_lsp.verification.runners import Project, Runner

GAP = "____"
GAP_TOKENS = 64  # for a value


async def worth_offering(server: CodeFuseServer, plan: Plan, model: ModelFormat, text: str, report: Report) -> str:
    """Return what of `text`, new tests, is worth offering; all of it where it cannot be run, and the user is told so.

    A cancel leaves nothing running, and no copy.
    """
    if server.settings.verify_tests == "off":
        return text
    if not server.trusted:
        server.consents.tell_once("Tests are not run before they are offered, since this workspace is not trusted.")
        return text
    try:
        return await _verified(server, plan, model, text, report)
    except _NotRun as reason:
        server.tell(f"The tests were not run. {reason}", types.MessageType.Warning)
    return text


class _NotRun(CodeFuseError):
    """The tests cannot be run, or may not be."""


async def _verified(server: CodeFuseServer, plan: Plan, model: ModelFormat, text: str, report: Report) -> str:
    """Ask, run, and tell. Raises _NotRun."""
    # imported when first needed: the language server starts without them
    from codefuse_lsp.verification.copies import copies_of
    from codefuse_lsp.verification.drafts import Draft
    from codefuse_lsp.verification.runners import runner_for
    from codefuse_lsp.verification.running import Runs, limits_of, must_be_walled
    from codefuse_lsp.verification.verifying import verified

    draft = Draft(plan.existing, text, plan.subject.language)
    if not draft.cases():
        raise _NotRun(f"What a test is in {plan.subject.language or 'this language'} is not known here.")
    root, seconds = _root(plan), server.settings.verify_seconds
    try:
        runner = await asyncio.to_thread(runner_for, _project(plan, root, draft.text))
        await must_be_walled()
        await _agreed(server, runner.shown, root, runner.start, seconds)
        report("copying the workspace", None)
        async with copies_of(root, config.cache_dir() / "runs", _ignored(server)) as copies:
            runner = replace(runner, test_s=seconds / 6)
            runs = Runs(runner, copies, _texts(server, root), limits_of(seconds))
            asked = _Asked(server, plan, model)
            rounds = server.settings.verify_rounds
            verdict = await verified(draft, runs.run, asked.mend, asked.expect, rounds, lambda said: report(said, None))
    except CodeFuseError as error:
        raise error if isinstance(error, _NotRun) else _NotRun(str(error)) from error
    await _tell(server, plan, runner, verdict)
    return verdict.added


async def _tell(server: CodeFuseServer, plan: Plan, runner: Runner, verdict: Verdict) -> None:
    kind = types.MessageType.Warning if verdict.bugs or not verdict.added else types.MessageType.Info
    server.tell(summary(verdict, runner.title, plan.source.name), kind)
    if verdict.bugs or verdict.dropped:
        view = server.views.open(f"tests-{plan.subject.name or 'file'}")
        await view.finish(details(verdict, runner.shown, plan.subject.language, plan.source.name))


def _root(plan: Plan) -> Path:
    """Return the folder that is copied; raises _NotRun."""
    if plan.root is None or not Path(plan.test_file.path).is_relative_to(plan.root):
        raise _NotRun("The file, or the place for its tests, lies in none of the workspace's folders.")
    return plan.root


def _project(plan: Plan, root: Path, text: str) -> Project:
    from codefuse_lsp.verification.runners import Project

    source, test = (path.relative_to(root).as_posix() for path in (plan.source, Path(plan.test_file.path)))
    return Project(root.resolve(), source, test, plan.subject.language, plan.test_file.framework, text)


async def _agreed(server: CodeFuseServer, command: str, root: Path, start: str, seconds: float) -> None:
    """Return once the user has agreed; raises _NotRun."""
    where = "" if start == "." else f" (in {start})"
    question = (
        f"Run the new tests before they are offered? The command is: {command} (with the names of tests, and again "
        f"after each mending). It runs in a copy of {root}{where}, without network, for {seconds:g} s at most a time."
    )
    if not await server.consents.may_run(command, str(root / start), question):
        raise _NotRun("They are offered as the model wrote them.")


def _ignored(server: CodeFuseServer) -> Callable[[Path], bool]:
    ignore = server.suggester.surroundings.ignore
    return lambda path: ignore.rule_against(path) is not None


def _texts(server: CodeFuseServer, root: Path) -> dict[str, str]:
    """Return what the editor has open, by paths relative to the root: it may not be saved yet."""
    texts: dict[str, str] = {}
    for document in server.workspace.text_documents.values():
        if not isinstance(document, Document) or not document.uri.startswith("file:"):
            continue
        path = Path(document.path)
        if path.is_relative_to(root) and may_read(path) and path.is_file():
            texts[path.relative_to(root).as_posix()] = document.source
    return texts


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the model is asked while tests are verified. A far end that fails then ends the mending, not the action."""

    server: CodeFuseServer
    plan: Plan
    model: ModelFormat

    async def mend(self, tests: str, failures: Sequence[Failure], trouble: str) -> str:
        """Return tests in the place of those that fail, '' for none."""
        pieces = [tests, trouble, *(failure.told for failure in failures)]
        shown = await self._redacted(pieces)
        told = [(failure.name, one.text) for failure, one in zip(failures, shown[2:], strict=True)]
        subject, framework = self.plan.subject, self.plan.test_file.framework
        whole, system = subject.code[:MAX_CODE_CHARS], self.server.settings.system_prompt

        def build(code: str) -> Prompt:
            known, share = replace(subject, code=code), len(code) / len(whole)
            return repair_prompt(known, framework, shown[0].text, told, shown[1].text, self.model, system, share)

        restorations = {key: value for one in shown for key, value in one.restorations.items()}
        try:
            prompt, _ = await fitting(self.server, build, whole, subject.language)
            answer = await self._ask(prompt, restorations)
        except CodeFuseError as error:
            return self._unanswered(error)
        return repaired_tests(answer, subject.language)

    async def expect(self, masked: str, claim: Claim) -> str:
        """Return what belongs in the gap of a test by what the code promises."""
        (shown,) = await self._redacted([masked])
        prompt = gap_prompt(self.plan.subject, shown.text, GAP, self.model, self.server.settings.system_prompt)
        try:
            answer = await self._ask(prompt, shown.restorations, max_tokens=GAP_TOKENS)
        except CodeFuseError as error:
            return self._unanswered(error)
        return gap_answer(answer, masked, GAP)

    async def _redacted(self, pieces: Sequence[str]) -> list[Redacted]:
        """Return texts without secrets: those that show themselves, and those of the code, which output may quote."""
        told = tuple(self.plan.shown.restorations.values())
        excerpts = [Excerpt(piece, told=told) for piece in pieces]
        return await asyncio.to_thread(self.server.suggester.surroundings.redacted, excerpts)

    async def _ask(self, prompt: Prompt, restorations: Mapping[str, str], max_tokens: int = 0) -> str:
        request = request_for(prompt, self.server.settings, Priority.ACTION)
        request = replace(request, max_tokens=min(max_tokens, request.max_tokens)) if max_tokens else request
        restorations = {**self.plan.shown.restorations, **restorations}
        return await answer_to(self.server, request, self.model, restorations, lambda message, fraction: None)

    def _unanswered(self, error: CodeFuseError) -> str:
        self.server.tell(f"The model could not be asked about tests that fail. {error}", types.MessageType.Warning)
        return ""
