"""Write tests: a file of tests where the project keeps them, as an edit that the user sees before it is saved.

What the model writes is cut back to what parses; when nothing does, after one more try, the user is shown the text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from lsprotocol import types

from codefuse_lsp.answers import request_for, stream_answer
from codefuse_lsp.context.ignore import may_read
from codefuse_lsp.context.secrets import Excerpt, Redacted
from codefuse_lsp.context.statements import closed_statements
from codefuse_lsp.context.test_files import TestFile, module_of, test_file_for
from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.generation.request import GenerationRequest, Priority
from codefuse_lsp.lsp.document import Document
from codefuse_lsp.lsp.protocol.actions import Target
from codefuse_lsp.lsp.selection import Selection, selection_of, unchanged
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.prompts.actions import TestsPrompt, tests_prompt, tests_text
from codefuse_lsp.prompts.fences import fenced
from codefuse_lsp.prompts.formats import ModelFormat
from codefuse_lsp.prompts.heads import Subject
from codefuse_lsp.suggestions.requests import model_format

RETRY_TEMPERATURE = 0.7  # warm enough to come out otherwise
LARGEST_READ_BYTES = 1 << 20  # of project files that are looked at


@dataclass(frozen=True, slots=True)
class Plan:
    """What is tested, where the tests go, and the document that is there already."""

    subject: Subject  # as the model may read it
    test_file: TestFile
    uri: str
    there: Document | None
    shown: Redacted  # of the text that is there

    @property
    def existing(self) -> str:
        """The text that the tests are appended to."""
        return self.there.source if self.there is not None else ""


async def tests_edit(server: CodeFuseServer, target: Target) -> types.WorkspaceEdit | None:
    """Return the edit that adds tests for the target's code; None when the user was shown the text instead.

    Raises CodeFuseError, DocumentChanged when the code was edited meanwhile.
    """
    plan = await _plan(server, target)
    version = plan.there.version if plan.there is not None else None
    async with server.work_done.shown(f"Writing tests for {plan.subject.name or plan.subject.path}") as report:
        ready = await server.connection.wait()
        model = model_format(ready.card, server.settings)
        prompt = tests_prompt(plan.subject, plan.test_file, model, plan.shown.text, server.settings.system_prompt)
        request = request_for(prompt.prompt, server.settings, Priority.ACTION)
        text = ""
        for attempt in (request, replace(request, temperature=RETRY_TEMPERATURE)):
            answer = await _write(server, attempt, model, plan.shown.restorations, report)
            if text := whole_tests(prompt, answer, plan):
                break
    unchanged(server, target)
    if not text:
        await _show_instead(server, plan, tests_text(prompt, answer, plan.existing))
        return None
    return _edit(plan, text, version, creates=_creates_files(server.client_capabilities))


def edited_uri(edit: types.WorkspaceEdit) -> str:
    """Return the uri of the file that the tests went to."""
    *_, change = edit.document_changes or ()
    assert isinstance(change, types.TextDocumentEdit)
    return change.text_document.uri


def whole_tests(prompt: TestsPrompt, answer: str, plan: Plan) -> str:
    """Return what parses of the head and the answer, '' when that holds no test."""
    text = closed_statements(tests_text(prompt, answer, plan.existing).lstrip("\n"), plan.subject.language)
    opening = prompt.head.rstrip().rpartition("\n")[2].strip()
    if opening not in text:
        return ""
    gap = prompt.head[: len(prompt.head) - len(prompt.head.lstrip("\n"))]
    return gap + text


async def _write(
    server: CodeFuseServer,
    request: GenerationRequest,
    model: ModelFormat,
    restorations: Mapping[str, str],
    report: object,
) -> str:
    answer = ""
    async with aclosing(stream_answer(server.connection, request, model, restorations)) as chunks:
        async for chunk in chunks:
            answer += chunk.text
            if callable(report):
                report(f"{answer.count(chr(10)) + 1} lines", None)
            if chunk.finish_reason == "length":  # its last line was cut, and may parse all the same
                answer = answer[: answer.rfind("\n") + 1]
    return answer


async def _plan(server: CodeFuseServer, target: Target) -> Plan:
    """Find out what to test and where the tests go; threads look at the disk, and at documents as they were here."""
    document = unchanged(server, target).frozen()
    selection, root, test_file = await asyncio.to_thread(_chosen, server, document, target)
    uri = target.uri if test_file.in_source else Path(test_file.path).as_uri()
    is_there = test_file.exists or uri in server.workspace.text_documents
    there = server.document(uri).frozen() if is_there else None
    subject, shown = await asyncio.to_thread(_told, server, selection, root, test_file, there)
    return Plan(subject, test_file, uri, there, shown)


def _chosen(server: CodeFuseServer, document: Document, target: Target) -> tuple[Selection, Path | None, TestFile]:
    """Return what is tested, the workspace's folder round it, and where the tests go."""
    selection, path = selection_of(server, document, target), document.path
    if server.notebook(document) is not None:
        raise CodeFuseError("Tests are written for code in files, since no test can import a notebook's cell.")
    if not path or not target.uri.startswith("file:"):
        raise CodeFuseError("Save the file first, so that there is a place for its tests.")
    root = server.workspace_root(target.uri)
    return selection, root, test_file_for(PurePath(path), root, selection.language, _exists, _read)


def _told(
    server: CodeFuseServer, selection: Selection, root: Path | None, test_file: TestFile, there: Document | None
) -> tuple[Subject, Redacted]:
    """Return what is tested, and the text that is there, as the model may read them."""
    if there is not None and (rule := server.rule_against(there)):
        raise CodeFuseError(rule)
    pieces = [selection.excerpt, selection.source_head, Excerpt(there.source if there is not None else "")]
    code, head, shown = server.suggester.surroundings.redacted(pieces)
    subject = _subject(selection, PurePath(selection.document.path), root, test_file)
    return replace(subject, code=code.text, source_head=head.text), shown


def _subject(selection: Selection, source: PurePath, root: Path | None, test_file: TestFile) -> Subject:
    found = selection.found
    return Subject(
        code=selection.code,
        language=selection.language,
        path=source.relative_to(root).as_posix() if root else source.name,
        name=found.name if found else "",
        owner=found.owner if found else "",
        module=module_of(source, test_file.path, root, selection.language, _exists),
    )


def _edit(plan: Plan, text: str, version: int | None, *, creates: bool) -> types.WorkspaceEdit:
    """Return the versioned edit: a new file, or text at the end of the one that is there.

    A client that cannot create files, such as Emacs 29's eglot, opens a buffer for the edit of one that is not there.
    """
    identifier = types.OptionalVersionedTextDocumentIdentifier(uri=plan.uri, version=version)
    if plan.there is None:
        start = types.Position(0, 0)
        create = types.CreateFile(uri=plan.uri, options=types.CreateFileOptions(overwrite=False, ignore_if_exists=True))
        fill = types.TextDocumentEdit(identifier, [types.TextEdit(types.Range(start, start), text)])
        return types.WorkspaceEdit(document_changes=[create, fill] if creates else [fill])
    end = plan.there.end()
    insert = types.TextEdit(types.Range(end, end), text)
    return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(identifier, [insert])])


def _creates_files(capabilities: types.ClientCapabilities) -> bool:
    edits = capabilities.workspace.workspace_edit if capabilities.workspace else None
    return bool(edits and types.ResourceOperationKind.Create in (edits.resource_operations or ()))


async def _show_instead(server: CodeFuseServer, plan: Plan, text: str) -> None:
    server.tell("The model's tests do not parse; they are shown instead of written.", types.MessageType.Warning)
    view = server.views.open(f"tests-{plan.subject.name or 'file'}")
    await view.finish(f"# Tests that do not parse\n\n{fenced(text, plan.subject.language)}")


def _exists(path: PurePath) -> bool:
    return Path(path).exists()


def _read(path: PurePath) -> str | None:
    file = Path(path)
    try:
        if not may_read(file) or not file.is_file():  # a pipe may never end, nor a device
            return None
        with file.open("rb") as opened:
            content = opened.read(LARGEST_READ_BYTES + 1)
    except OSError:
        return None
    return None if len(content) > LARGEST_READ_BYTES else content.decode("utf-8", "replace").replace("\r\n", "\n")
