"""The server under the capabilities of real editors, driven by pytest-lsp: what each can show is what it gets."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities, make_test_lsp_client

from tests.e2e.far_end import FarEnd

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.filterwarnings("error::pytest_lsp.LspSpecificationWarning"),
]

SERVER = [sys.executable, "-m", "codefuse_lsp", "--stdio"]
CLIENTS = ["visual-studio-code@v1.65.2", "neovim@v0.11.0", "emacs@v29.1"]
SHOWS_GHOST_TEXT = {"visual-studio-code@v1.65.2"}  # no capability file is new enough to say so: later versions do
TOP = types.Range(types.Position(0, 0), types.Position(0, 0))
AREA = "PIZZA = '🍕'; area = (width‸)\n"


def make_client() -> LanguageClient:
    """Return a client that bears what a server of ours sends; pytest-lsp knows neither our progress nor edits."""
    client = make_test_lsp_client()
    client.heard = []
    client.protocol.fm.features.pop(types.PROGRESS)

    @client.feature(types.PROGRESS)
    def progress(ls: LanguageClient, params: types.ProgressParams) -> None:
        client.heard.append((params.token, params.value))

    @client.feature(types.WORKSPACE_APPLY_EDIT)
    def apply_edit(ls: LanguageClient, params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
        client.heard.append(("edit", params.edit))
        return types.ApplyWorkspaceEditResult(applied=True)

    @client.feature(types.CLIENT_REGISTER_CAPABILITY)
    def register(ls: LanguageClient, params: types.RegistrationParams) -> None:
        client.heard.append(("registered", params))

    return client


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=CLIENTS)
async def client(
    request: pytest.FixtureRequest, far_end_of_module: FarEnd, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[LanguageClient]:
    """A server initialized as each editor does it; its `editor` says which."""
    client = await ClientServerConfig(SERVER, make_client, dict(os.environ)).start()
    capabilities = client_capabilities(request.param)
    assert capabilities.text_document is not None
    if request.param in SHOWS_GHOST_TEXT:
        capabilities.text_document.inline_completion = types.InlineCompletionClientCapabilities()
    root = tmp_path_factory.mktemp("workspace")
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


async def run(client: LanguageClient, command: str, document: types.TextDocumentIdentifier) -> Any:
    """Run a command as its action says; lsprotocol cannot read an action with a command in it."""
    target = {"uri": document.uri, "range": TOP, "version": 1}
    return await client.workspace_execute_command_async(types.ExecuteCommandParams(command, [target]))


async def test_tests_are_written_as_an_edit_the_editor_understands(client: LanguageClient, far_end: FarEnd) -> None:
    far_end.says("\n    assert one() == 1\n")
    document, _ = show(client, "one.py", "def one(): return 1‸\n")
    action = await offered(client, document, "refactor.codefuse.tests")
    assert action.title == "CodeFuse: Write tests"
    if client.editor.startswith("emacs"):  # it resolves no edits
        assert await run(client, "codefuse.writeTests", document) is True
        edit = dict(client.heard)["edit"]
    else:
        edit = (await client.code_action_resolve_async(action)).edit
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


async def test_chat_streams_to_any_of_them(client: LanguageClient, far_end: FarEnd) -> None:
    far_end.says("One", " and two.")
    params = {"message": "Count.", "partialResultToken": "chat"}
    result = await client.protocol.send_request_async("codefuse/chat", params)
    deltas = [value for token, value in client.heard if token == "chat"]
    assert result.text == "".join(delta["text"] for delta in deltas) == "One and two."
    assert result.finishReason == "stop"


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
