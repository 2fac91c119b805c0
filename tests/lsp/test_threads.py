"""What is read in a thread is as it was when the user asked, though the next key is pressed meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lsprotocol import types

from codefuse_lsp.config import Settings
from codefuse_lsp.lsp import references, test_plans
from codefuse_lsp.lsp.actions import explain
from codefuse_lsp.lsp.document import Workspace
from codefuse_lsp.lsp.protocol.actions import Target
from codefuse_lsp.lsp.protocol.references import Reference
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.suggestions.surroundings import Surroundings

CODE = "def area(width, height):\n    return width * height\n"
START = types.Position(0, 0)
KEYS = types.TextDocumentContentChangePartial(types.Range(START, START), "typed = 1\n")


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return (tmp_path / "area.py").as_uri()


@pytest.fixture
def server(uri: str, monkeypatch: pytest.MonkeyPatch) -> CodeFuseServer:
    """A server with a document that changes each time before a thread comes to look at it."""
    server = CodeFuseServer(Settings())
    server.protocol._workspace = Workspace(None)
    server.workspace.put_text_document(types.TextDocumentItem(uri, "python", 1, CODE))
    monkeypatch.setattr(server, "suggester", SimpleNamespace(surroundings=Surroundings()), raising=False)

    async def late(work: Callable[..., Any], *given: Any) -> Any:
        server.document(uri).apply_change(KEYS)
        return work(*given)

    monkeypatch.setattr(asyncio, "to_thread", late)
    return server


def test_a_chat_is_told_of_a_reference_as_it_was(server: CodeFuseServer, uri: str) -> None:
    async def gathered() -> references.Gathered:
        desk = references.on_desk(server, [Reference(uri)])
        return await asyncio.to_thread(references.gather, server, desk)

    ((_, excerpt),) = asyncio.run(gathered()).found
    assert excerpt.text == CODE


def test_tests_are_planned_for_the_code_as_it_was(server: CodeFuseServer, uri: str) -> None:
    plan = asyncio.run(test_plans.tests_plan(server, Target(uri, types.Range(START, START), 1)))
    assert plan.subject.code == CODE


def test_code_is_explained_as_it_was(server: CodeFuseServer, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    def prompt(code: str, *more: object) -> None:
        told.append(code)
        raise InterruptedError

    async def ready() -> Any:
        return SimpleNamespace(card=SimpleNamespace(max_model_len=4096))

    monkeypatch.setattr(server, "connection", SimpleNamespace(wait=ready), raising=False)
    monkeypatch.setattr(explain, "model_format", lambda *given: None)
    monkeypatch.setattr(explain, "explain_prompt", prompt)
    with pytest.raises(InterruptedError):
        asyncio.run(explain.explain(server, Target(uri, types.Range(START, START), 1)))
    assert told == [CODE]
