"""The server under the capabilities of real editors, driven by pytest-lsp: what each can show is what it gets."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities, make_test_lsp_client

from codefuse_lsp import config
from codefuse_lsp.lsp.protocol import CUSTOM
from tests.e2e.far_end import FarEnd

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.filterwarnings("error::pytest_lsp.LspSpecificationWarning"),
]

SERVER = [sys.executable, "-m", "codefuse_lsp", "--stdio"]
CLIENTS = ["visual-studio-code@v1.65.2", "neovim@v0.11.0", "emacs@v29.1"]
SHOWS_GHOST_TEXT = {"visual-studio-code@v1.65.2"}  # no capability file is new enough to say so: later versions do
TOP = types.Range(types.Position(0, 0), types.Position(0, 0))
SHOUT = '[[actions]]\nname = "Shout"\nprompt = "Say in capitals what it does."\n'
AREA = "PIZZA = '🍕'; area = (width‸)\n"


def make_client() -> LanguageClient:
    """Return a client that bears what a server of ours sends; pytest-lsp knows neither our progress nor edits."""
    client = make_test_lsp_client()
    client.heard, client.asked = [], set()
    client.protocol.send_request = noted(client, client.protocol.send_request)
    client.protocol.notify = noted(client, client.protocol.notify)
    client.protocol.fm.features.pop(types.PROGRESS)

    @client.feature(types.PROGRESS)
    def progress(ls: LanguageClient, params: types.ProgressParams) -> None:
        client.heard.append((params.token, params.value))

    @client.feature(types.WORKSPACE_APPLY_EDIT)
    def apply_edit(ls: LanguageClient, params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
        client.heard.append(("edit", params.edit))
        return types.ApplyWorkspaceEditResult(applied=True)

    @client.feature(types.WINDOW_SHOW_MESSAGE_REQUEST)
    def choose(ls: LanguageClient, params: types.ShowMessageRequestParams) -> types.MessageActionItem | None:
        return params.actions[0] if params.actions else None

    @client.feature(types.CLIENT_REGISTER_CAPABILITY)
    def register(ls: LanguageClient, params: types.RegistrationParams) -> None:
        client.heard.append(("registered", params))

    return client


def noted(client: LanguageClient, send: Callable[..., Any]) -> Callable[..., Any]:
    """Return a way to send that writes down which methods, and which commands, are asked for."""

    def noting(method: str, params: Any = None, *rest: Any, **named: Any) -> Any:
        client.asked.add(params.command if method == types.WORKSPACE_EXECUTE_COMMAND else method)
        return send(method, params, *rest, **named)

    return noting


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=CLIENTS)
async def client(
    request: pytest.FixtureRequest, far_end_of_module: FarEnd, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[LanguageClient]:
    """A server initialized as each editor does it; its `editor` says which, `asked` what has been asked of it."""
    client = await ClientServerConfig(SERVER, make_client, dict(os.environ)).start()
    capabilities = client_capabilities(request.param)
    assert capabilities.text_document is not None
    if request.param in SHOWS_GHOST_TEXT:
        capabilities.text_document.inline_completion = types.InlineCompletionClientCapabilities()
    root = tmp_path_factory.mktemp("workspace")
    config.user_file().parent.mkdir(parents=True, exist_ok=True)
    config.user_file().write_text(SHOUT, "utf-8")
    client.editor, client.root = request.param, root
    client.result = await client.initialize_session(
        types.InitializeParams(
            capabilities=capabilities,
            root_uri=root.as_uri(),
            initialization_options={"endpoint": far_end_of_module.endpoint},
        )
    )
    yield client
    await client.shutdown_session()
    await client.stop()


def show(client: LanguageClient, name: str, drawn: str) -> tuple[types.TextDocumentIdentifier, types.Position]:
    """Open a document with a cursor drawn in its one line, and count columns as the server has chosen to."""
    encoding = client.result.capabilities.position_encoding or "utf-16"
    width = {"utf-8": 1, "utf-16": 2, "utf-32": 4}[getattr(encoding, "value", encoding)]
    before, _, after = drawn.partition("‸")
    codec = {1: "utf-8", 2: "utf-16-le", 4: "utf-32-le"}[width]
    uri = (Path(client.root) / name).as_uri()
    document = types.TextDocumentItem(uri, types.LanguageKind.Python, 1, before + after)
    client.text_document_did_open(types.DidOpenTextDocumentParams(document))
    return types.TextDocumentIdentifier(uri), types.Position(0, len(before.encode(codec)) // width)


async def test_the_text_is_offered_in_the_way_the_editor_can_show(client: LanguageClient, far_end: FarEnd) -> None:
    far_end.says(" * height)")
    document, cursor = show(client, "ghost.py", AREA)
    behind = types.Position(0, cursor.character + 1)
    if client.editor in SHOWS_GHOST_TEXT:
        assert client.result.capabilities.completion_provider is None
        context = types.InlineCompletionContext(types.InlineCompletionTriggerKind.Invoked)
        found: Any = await client.text_document_inline_completion_async(
            types.InlineCompletionParams(context, document, cursor)
        )
        (item,) = found.items
        assert (item.insert_text, item.range) == (" * height)", types.Range(cursor, behind))
    else:
        assert client.result.capabilities.completion_provider is not None
        found = await client.text_document_completion_async(types.CompletionParams(document, cursor))
        (item,) = found.items
        word = types.Position(0, cursor.character - len("width"))
        assert item.text_edit == types.TextEdit(types.Range(word, behind), "width * height)")
    assert far_end.asked[0].prompt.endswith("PIZZA = '🍕'; area = (")


async def offered(client: LanguageClient, document: types.TextDocumentIdentifier, kind: str) -> Any:
    context = types.CodeActionContext([], only=[kind])
    (action,) = await client.text_document_code_action_async(types.CodeActionParams(document, TOP, context)) or ()
    return action


async def run(client: LanguageClient, command: str, document: types.TextDocumentIdentifier, **more: Any) -> Any:
    """Run a command as its action says; lsprotocol cannot read an action with a command in it."""
    target = {"uri": document.uri, "range": TOP, "version": 1, **more}
    return await client.workspace_execute_command_async(types.ExecuteCommandParams(command, [target]))


async def test_tests_are_written_as_an_edit_the_editor_understands(client: LanguageClient, far_end: FarEnd) -> None:
    far_end.says("\n    assert one() == 1\n")
    document, _ = show(client, "one.py", "def one(): return 1‸\n")
    action = await offered(client, document, "refactor.codefuse.tests")
    assert action.title == "CodeFuse: Write tests"
    assert await run(client, "codefuse.writeTests", document) is True
    edits = [dict(client.heard)["edit"]]
    if not client.editor.startswith("emacs"):  # it resolves no edits
        edits.append((await client.code_action_resolve_async(action)).edit)
    for edit in edits:
        *created, inserted = edit.document_changes
        assert inserted.edits[0].new_text.endswith("def test_one():\n    assert one() == 1\n")
        assert inserted.text_document.uri.endswith("/test_one.py")
        assert [change.kind for change in created] == ([] if client.editor.startswith("emacs") else ["create"])


async def test_an_explanation_is_shown_in_the_way_the_editor_can(client: LanguageClient, far_end: FarEnd) -> None:
    far_end.says("It is one.")
    document, _ = show(client, "explained.py", "def one(): return 1‸\n")
    assert (await offered(client, document, "refactor.codefuse.explain")).title == "CodeFuse: Explain"
    await run(client, "codefuse.explain", document)
    if client.editor.startswith("emacs"):
        assert client.messages[-1].message.endswith("It is one.")
    else:
        uri = client.shown_documents[-1].uri
        assert Path(uri.removeprefix("file://")).read_text("utf-8").endswith("It is one.")


ONE, PROBLEM = "def one():\n    return 1‸\n", types.Diagnostic(TOP, "two is meant", source="tests")


@pytest.mark.parametrize(
    ("kind", "command", "says", "text"),
    [
        ("refactor.codefuse.document", "codefuse.document", "Return one.", '    """Return one."""\n'),
        ("refactor.rewrite.codefuse.simplify", "codefuse.simplify", "def one():\n    return +1\n", "    return +1\n"),
        ("quickfix", "codefuse.fix", "def one():\n    return 2\n", "    return 2\n"),
    ],
)
async def test_code_is_edited_in_the_way_the_editor_can(
    client: LanguageClient, far_end: FarEnd, kind: str, command: str, says: str, text: str
) -> None:
    far_end.says(says)
    document, _ = show(client, f"{command}.py", ONE)
    context = types.CodeActionContext([PROBLEM], only=[kind])
    (action,) = await client.text_document_code_action_async(types.CodeActionParams(document, TOP, context)) or ()
    assert action.title.startswith("CodeFuse: ")
    problem = {"range": TOP, "message": PROBLEM.message}
    assert await run(client, command, document, diagnostics=[problem]) is True
    edits = [[value for token, value in client.heard if token == "edit"][-1]]
    if not client.editor.startswith("emacs"):  # it resolves no edits
        assert (action.kind, list(action.diagnostics or ())) == (kind, [PROBLEM] if kind == "quickfix" else [])
        edits.append((await client.code_action_resolve_async(action)).edit)
    for edit in edits:
        assert [one.new_text for one in edits_of(edit, document.uri)] == [text]
    assert kind != "quickfix" or all(PROBLEM.message in asked.prompt for asked in far_end.asked)


async def test_a_review_is_published_as_diagnostics(client: LanguageClient, far_end: FarEnd) -> None:
    far_end.says("2: warning: one is not enough")
    document, _ = show(client, "reviewed.py", ONE)
    assert (await offered(client, document, "refactor.codefuse.review")).title == "CodeFuse: Review"
    assert await run(client, "codefuse.review", document) == 1
    (diagnostic,) = client.diagnostics[document.uri]
    assert (diagnostic.source, diagnostic.message) == ("codefuse", "One is not enough")
    assert diagnostic.range == types.Range(types.Position(1, 4), types.Position(1, 12))
    result = await client.protocol.send_request_async("codefuse/review", {"textDocument": {"uri": document.uri}})
    assert [finding.message for finding in result.findings] == ["One is not enough"]
    assert await client.protocol.send_request_async("codefuse/review/clear", {"uri": document.uri}) == 1
    assert list(client.diagnostics[document.uri]) == []


async def test_names_are_suggested_to_any_of_them(client: LanguageClient, far_end: FarEnd) -> None:
    far_end.says("pizza_area\nslice\n")
    document, cursor = show(client, "named.py", "PIZZA = '🍕'; some_area‸ = 1\n")
    params = {"textDocument": {"uri": document.uri}, "position": {"line": 0, "character": cursor.character}}
    result = await client.protocol.send_request_async("codefuse/renameSuggestions", params)
    assert (result.name, list(result.suggestions)) == ("some_area", ["pizza_area", "slice"])
    assert result.range.end.character == cursor.character
    assert result.range.start.character == cursor.character - len("some_area")


async def test_a_commit_message_is_written_for_any_of_them(client: LanguageClient, far_end: FarEnd) -> None:
    far_end.says("Add one")
    diff = "diff --git a/one.py b/one.py\n--- a/one.py\n+++ b/one.py\n@@ -0,0 +1 @@\n+one = 1\n"
    result = await client.protocol.send_request_async("codefuse/commitMessage", {"diff": diff})
    assert (result.message, list(result.leftOut)) == ("Add one", [])


async def test_a_translation_is_a_file_or_is_shown(client: LanguageClient, far_end: FarEnd) -> None:
    far_end.says("fn one() -> i32 {\n    1\n}\n")
    document, _ = show(client, "translated.py", ONE)
    if client.editor.startswith("emacs"):  # it makes no files
        assert await run(client, "codefuse.translate", document, detail="rust") is False
        assert "fn one()" in client.messages[-1].message
    else:
        assert await run(client, "codefuse.translate", document, detail="rust") is True
        edit = [value for token, value in client.heard if token == "edit"][-1]
        create, fill = edit.document_changes
        assert create.uri.endswith("/translated.rs") and fill.edits[0].new_text.startswith("fn one()")


async def test_chat_streams_to_any_of_them(client: LanguageClient, far_end: FarEnd) -> None:
    far_end.says("One", " and two.")
    params = {"message": "Count.", "partialResultToken": "chat"}
    result = await client.protocol.send_request_async("codefuse/chat", params)
    deltas = [value for token, value in client.heard if token == "chat"]
    assert result.text == "".join(delta["text"] for delta in deltas) == "One and two."
    assert result.finishReason == "stop"


async def ask(client: LanguageClient, method: str, **params: Any) -> Any:
    return await client.protocol.send_request_async(f"codefuse/{method}", params)


async def test_conversations_are_gone_on_with_in_any_of_them(client: LanguageClient, far_end: FarEnd) -> None:
    far_end.says("```go\npackage a\n```\n")
    asked = await ask(client, "chat", message=f"Which of them are you, {client.editor}?")
    name = asked.conversationId
    (block,) = asked.codeBlocks
    assert (block.language, block.code, block.start, block.end) == ("go", "package a\n", 0, 20)
    assert asked.firstTokenMs >= asked.waitedMs >= 0

    far_end.says("Another.")
    again = await ask(client, "conversations/regenerate", conversationId=name, turnId=asked.turnId)
    edited = await ask(
        client,
        "conversations/edit",
        conversationId=name,
        turnId=asked.questionId,
        message="Who?",
        partialResultToken="e",
    )
    assert "".join(value["text"] for token, value in client.heard if token == "e") == edited.text == "Another."
    branched = await ask(client, "chat", conversationId=name, parentTurnId=again.turnId, message="And?")
    opened = await ask(client, "conversations/open", conversationId=name, turnId=again.turnId)
    assert [turn.turnId for turn in opened.turns][-2:] == [branched.questionId, branched.turnId]
    assert opened.turns[1].siblings == [asked.turnId, again.turnId] and opened.earlier == 0
    assert opened.turns[0].siblings == [asked.questionId, edited.questionId]

    found = await ask(client, "conversations", query=f"which {client.editor}")
    assert (found.total, found.items[0].conversationId, found.items[0].turns) == (1, name, 7)
    assert (await ask(client, "conversations/rename", conversationId=name, title="A")).title == "A"
    exported = await ask(client, "conversations/export", conversationId=name)
    assert exported.markdown.startswith("# A\n\n## You\n\nWhich of them")
    assert (await ask(client, "conversations/delete", conversationId=name)).deleted is True
    with pytest.raises(JsonRpcException, match="no such conversation") as refusal:
        await ask(client, "conversations/open", conversationId=name)
    assert refusal.value.code == types.LSPErrorCodes.RequestFailed


def edits_of(edit: types.WorkspaceEdit, uri: str) -> Sequence[Any]:
    """Return the edits of a document that is at its first version, versioned where the client can do that."""
    if not edit.document_changes:
        return (edit.changes or {})[uri]
    (change,) = edit.document_changes
    assert isinstance(change, types.TextDocumentEdit)
    assert (change.text_document.uri, change.text_document.version) == (uri, 1)
    return change.edits


async def test_a_chat_document_is_written_into_as_the_editor_can_take_it(
    client: LanguageClient, far_end: FarEnd
) -> None:
    far_end.says("Because.")
    uri = (Path(client.root) / "why.codefuse-chat.md").as_uri()
    document = types.TextDocumentItem(uri, types.LanguageKind.Markdown, 1, "## You\n\nWhy?\n")
    client.text_document_did_open(types.DidOpenTextDocumentParams(document))
    (lens,) = await client.text_document_code_lens_async(types.CodeLensParams(types.TextDocumentIdentifier(uri)))
    assert (lens.command.title, lens.range.start.line) == ("Send", 0)
    assert await offered(client, types.TextDocumentIdentifier(uri), "source.codefuse.chat")
    assert lens.command.command in client.result.capabilities.execute_command_provider.commands
    client.heard.clear()
    assert await client.workspace_execute_command_async(
        types.ExecuteCommandParams(lens.command.command, lens.command.arguments)
    )
    edits = edits_of(next(edit for kind, edit in client.heard if kind == "edit"), uri)
    assert [item.new_text.split("\n")[1] for item in edits] == ["## CodeFuse"]
    await client.workspace_execute_command_async(types.ExecuteCommandParams("codefuse.chat.stop", [uri]))


async def test_commands_and_references_are_offered_to_any_of_them(client: LanguageClient, far_end: FarEnd) -> None:
    commands = await client.protocol.send_request_async("codefuse/chat/commands", None)
    assert "explain" in [command["name"] for command in commands]
    document, _ = show(client, "shop.py", "def refund(): return '🍕'‸\n")
    params = {"text": "🍕 @symbol:ref", "offset": 14, "textDocument": {"uri": document.uri}}
    (item,) = (await client.protocol.send_request_async("codefuse/chat/complete", params)).items
    assert (item.label, item.kind, item.start, item.end) == ("refund", "symbol", 3, 14)
    far_end.says("It pays back.")
    reference = {"uri": item.reference.uri, "kind": item.reference.kind, "name": item.reference.name}
    asked = {"message": "/explain", "references": [reference]}
    result = await client.protocol.send_request_async("codefuse/chat", asked)
    assert (result.text, list(result.leftOut)) == ("It pays back.", [])
    assert "`shop.py` refund, lines 1-1:\n```python\ndef refund(): return '🍕'\n```" in far_end.asked[-1].prompt


async def test_a_selection_is_told_in_the_lines_that_the_client_means(client: LanguageClient, far_end: FarEnd) -> None:
    document, end = show(client, "wide.py", "PIZZA = '🍕'; area = 5‸\n")
    where = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": end.character}}
    asked = {"message": "well?", "references": [{"uri": document.uri, "range": where, "kind": "selection"}]}
    await client.protocol.send_request_async("codefuse/chat", asked)
    assert "`wide.py` lines 1-1:\n```python\nPIZZA = '🍕'; area = 5\n```" in far_end.asked[-1].prompt


def changed_text(client: LanguageClient, text: str, edit: Any) -> str:
    """Return a text with an edit of one document applied, columns counted as the server has chosen to."""
    (change,) = edit.documentChanges
    rows = text.splitlines(keepends=True)
    for one in reversed(change.edits):
        start, end = one.range.start, one.range.end
        assert start.character == 0 and (end.character == 0 or end.line == start.line)
        rows[start.line : end.line + (end.character > 0)] = [one.newText]
    return "".join(rows)


async def test_an_edit_streams_and_is_accepted_and_discarded_in_any_of_them(
    client: LanguageClient, far_end: FarEnd
) -> None:
    text = "PIZZA = '🍕'; area = 1\nedge = 2\n"
    far_end.says("PIZZA = '🍕'; area = 3\n", "edge = 2\n")
    document, _ = show(client, "edited.py", text.replace("\nedge", "‸\nedge"))
    where = {"start": {"line": 0, "character": 0}, "end": {"line": 1, "character": 8}}
    params = {"textDocument": {"uri": document.uri, "version": 1}, "range": where, "instruction": "Make it 3."}
    result = await client.protocol.send_request_async("codefuse/edit", {**params, "partialResultToken": "typed"})
    deltas = [value for token, value in client.heard if token == "typed"]
    assert "".join(delta["text"] for delta in deltas) + "\n" == result.newText == text.replace("= 1", "= 3")
    assert result.version == 1 and result.finishReason == "stop"
    accepted = await client.protocol.send_request_async(
        "codefuse/edit/accept", {"editId": result.editId, "hunks": [result.hunks[0].id], "preview": True}
    )
    assert changed_text(client, text, accepted.edit) == result.newText
    assert accepted.edit.documentChanges[0].textDocument.version == 1
    asks = client.editor.startswith("visual-studio-code")
    assert hasattr(accepted.edit.documentChanges[0].edits[0], "annotationId") == asks
    gone = await client.protocol.send_request_async("codefuse/edit/discard", {"editId": result.editId})
    assert gone.discarded is True


async def test_an_edit_of_a_part_of_a_line_counts_columns_as_the_editor_does(
    client: LanguageClient, far_end: FarEnd
) -> None:
    document, cursor = show(client, "part.py", AREA)
    start = {"line": 0, "character": cursor.character - len("width")}
    where = {"start": start, "end": {"line": 0, "character": cursor.character}}
    params = {"code": "height", "mode": "replace", "textDocument": {"uri": document.uri, "version": 1}, "range": where}
    result = await client.protocol.send_request_async("codefuse/applyCodeBlock", params)
    assert result.hunks[0].newText == "PIZZA = '🍕'; area = (height)\n"


async def test_the_command_edits_in_any_of_them(client: LanguageClient, far_end: FarEnd) -> None:
    far_end.says("one = 2\n")
    document, _ = show(client, "command.py", "one = 1‸\n")
    target = {"uri": document.uri, "range": types.Range(TOP.start, types.Position(0, 7)), "version": 1}
    command = types.ExecuteCommandParams("codefuse.edit", [target, "Make it 2."])
    assert await client.workspace_execute_command_async(command) is True
    edit = [value for name, value in client.heard if name == "edit"][-1]
    assert edit.document_changes[0].edits[0].new_text == "one = 2\n"


async def test_a_block_makes_a_file_where_the_editor_can(client: LanguageClient, far_end: FarEnd) -> None:
    params = {"code": "x = 1", "mode": "merge", "path": "made/new.py"}
    result = await client.protocol.send_request_async("codefuse/applyCodeBlock", params)
    *created, filled = result.edit.documentChanges
    assert [change.kind for change in created] == ([] if client.editor.startswith("emacs") else ["create"])
    assert filled.edits[0].newText == "x = 1\n"
    assert filled.textDocument.uri == (Path(client.root) / "made" / "new.py").as_uri()


async def test_the_state_of_the_model_is_told_to_any_of_them(client: LanguageClient, far_end: FarEnd) -> None:
    status = await ask(client, "status")
    assert (status.state, status.model, status.device, status.busy) == ("ready", "scripted", "paper", False)


async def test_what_becomes_of_a_suggestion_is_counted_and_told(client: LanguageClient, far_end: FarEnd) -> None:
    far_end.says(" * height)")
    document, cursor = show(client, "fate.py", AREA)
    if client.editor in SHOWS_GHOST_TEXT:
        context = types.InlineCompletionContext(types.InlineCompletionTriggerKind.Invoked)
        params = types.InlineCompletionParams(context, document, cursor)
        (item,) = (await client.text_document_inline_completion_async(params)).items
    else:
        (item,) = (await client.text_document_completion_async(types.CompletionParams(document, cursor))).items
    (name,) = item.command.arguments
    assert item.command.command in client.result.capabilities.execute_command_provider.commands

    async def fate() -> tuple[str, str, int]:
        (record,) = await ask(client, "whyNoSuggestion", count=1)
        return record["outcome"], record["fate"], record["acceptedLength"]

    assert await fate() == ("shown", "", 0)
    for method, becomes in (("didShow", "seen"), ("didReject", "rejected")):
        client.protocol.notify(f"codefuse/{method}Completion", {"id": name})
        assert await fate() == ("shown", becomes, 0)
    client.protocol.notify("codefuse/didPartiallyAcceptCompletion", {"id": name, "acceptedLength": 2})
    assert await fate() == ("shown", "partly", 2)
    await client.workspace_execute_command_async(types.ExecuteCommandParams("codefuse.accepted", [name]))
    assert (await fate())[1] == "accepted"


async def test_what_the_model_would_be_shown_is_told_to_any_of_them(client: LanguageClient, far_end: FarEnd) -> None:
    document, cursor = show(client, "inspected.py", AREA)
    position = {"line": cursor.line, "character": cursor.character}
    result = await ask(client, "inspectPrompt", textDocument={"uri": document.uri}, position=position)
    assert (result.prompt + result.heal).endswith("PIZZA = '🍕'; area = (width") and far_end.asked == []


async def test_the_command_suggests_names_in_a_choice(client: LanguageClient, far_end: FarEnd) -> None:
    far_end.says("pizza_area\nslice\n")
    document, cursor = show(client, "renamed.py", "PIZZA = '🍕'; some_area‸ = 1\n")
    assert await run(client, "codefuse.suggestNames", document, range=types.Range(cursor, cursor)) == "pizza_area"
    assert client.messages[-1].message.startswith("Rename some_area to pizza_area with your editor's own rename")


def stage(root: Path) -> None:
    """Make a repository with something staged."""
    root.mkdir()
    (root / "one.py").write_text("one = 1\n", "utf-8")
    for arguments in (["init", "-q"], ["add", "one.py"]):
        subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True)


async def test_the_command_writes_a_commit_message_into_gits_file(client: LanguageClient, far_end: FarEnd) -> None:
    stage(Path(client.root) / "repository")
    far_end.says("Add one")
    document, _ = show(client, "repository/.git/COMMIT_EDITMSG", "‸\n")
    assert await run(client, "codefuse.commitMessage", document) is True
    (change,) = [value for name, value in client.heard if name == "edit"][-1].document_changes
    assert (change.text_document.uri, change.edits[0].new_text) == (document.uri, "Add one")


async def test_a_users_own_action_is_offered_and_done_in_any_of_them(client: LanguageClient, far_end: FarEnd) -> None:
    far_end.says("IT IS ONE.")
    document, _ = show(client, "own.py", ONE)
    assert (await offered(client, document, "refactor.codefuse.own")).title == "CodeFuse: Shout"
    await run(client, "codefuse.ownAction", document, detail="Shout")
    if client.editor.startswith("emacs"):
        assert client.messages[-1].message.endswith("IT IS ONE.")
    else:
        uri = client.shown_documents[-1].uri
        assert Path(uri.removeprefix("file://")).read_text("utf-8").endswith("IT IS ONE.")


async def command(client: LanguageClient, name: str, *arguments: Any) -> Any:
    return await client.workspace_execute_command_async(types.ExecuteCommandParams(name, list(arguments)))


async def test_a_new_chat_is_made_and_shown_where_the_editor_can(client: LanguageClient, far_end: FarEnd) -> None:
    uri = await command(client, "codefuse.newChat")
    assert Path(uri.removeprefix("file://")).read_text("utf-8") == "# Chat\n\n## You\n\n"
    if client.editor.startswith("emacs"):
        assert uri.removeprefix("file://") in client.messages[-1].message
    else:
        assert client.shown_documents[-1].uri == uri and client.shown_documents[-1].take_focus


async def test_an_answer_in_a_chat_document_is_asked_for_again(client: LanguageClient, far_end: FarEnd) -> None:
    far_end.says("Therefore.")
    uri = (Path(client.root) / "again.codefuse-chat.md").as_uri()
    text = "## You\n\nWhy?\n\n## CodeFuse\n\nBecause.\n"
    document = types.TextDocumentItem(uri, types.LanguageKind.Markdown, 1, text)
    client.text_document_did_open(types.DidOpenTextDocumentParams(document))
    client.heard.clear()
    assert await command(client, "codefuse.chat.regenerate", uri) is True
    (edit,) = edits_of(dict(client.heard)["edit"], uri)
    assert edit.range.start.line <= 6 < edit.range.end.line  # the answer's line
    await command(client, "codefuse.chat.stop", uri)


async def test_a_file_that_an_edit_has_made_is_shown_where_the_editor_can(client: LanguageClient) -> None:
    uri = (Path(client.root) / "made.py").as_uri()
    assert await command(client, "codefuse.show", uri) is not client.editor.startswith("emacs")
    assert client.editor.startswith("emacs") or client.shown_documents[-1].uri == uri


async def test_the_command_clears_what_a_review_has_found(client: LanguageClient, far_end: FarEnd) -> None:
    far_end.says("2: warning: one is not enough")
    document, _ = show(client, "cleared.py", ONE)
    assert await run(client, "codefuse.review", document) == 1
    assert await command(client, "codefuse.clearReview", document.uri) == 1
    assert list(client.diagnostics[document.uri]) == []


async def test_each_of_them_has_been_asked_for_all_that_there_is(
    client: LanguageClient, request: pytest.FixtureRequest
) -> None:
    """The last of this file: what is announced and has no test above is found here."""
    chosen = {item.originalname for item in request.session.items if isinstance(item, pytest.Function)}
    if not {name for name in globals() if name.startswith("test_")} <= chosen:
        pytest.skip("only a part of this file is run")
    assert {*CUSTOM, *client.result.capabilities.execute_command_provider.commands} - client.asked == set()
