"""A file of its own: Translate, and a user's own actions that make one. It lies beside the code it is about.

A client that makes no files, and a document that lies nowhere, have the text shown instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath

from lsprotocol import types

from codefuse_lsp.edits.new_files import new_text, path_beside, suffix_of
from codefuse_lsp.edits.replacement import Unfit
from codefuse_lsp.lsp.actions.asking import Misfit, fitted, model_of, rewriting_room
from codefuse_lsp.lsp.actions.replacing import show_instead
from codefuse_lsp.lsp.actions.told import Told, told_about
from codefuse_lsp.lsp.actions.workspace_edits import new_file_edit
from codefuse_lsp.lsp.protocol.actions import Target
from codefuse_lsp.lsp.selection import unchanged
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.prompts.fences import fenced
from codefuse_lsp.prompts.formats import ModelFormat
from codefuse_lsp.prompts.languages import LANGUAGES, display_name
from codefuse_lsp.prompts.questions import CodePrompt
from codefuse_lsp.prompts.rewriting import translate_prompt

MOST_OFFERED = 3  # languages, where no setting says which
_NO_PROGRAM = frozenset(
    [
        "css",
        "scss",
        "less",
        "html",
        "xml",
        "json",
        "jsonc",
        "yaml",
        "toml",
        "ini",
        "markdown",
        "latex",
        "vue",
        "svelte",
        "dockerfile",
        "makefile",
        "cmake",
        "sql",
        "graphql",
        "proto",
        "plaintext",
        "terraform",
        "bat",
    ]
)


@dataclass(frozen=True, slots=True)
class Making:
    """What is asked for, in which language it is, and a word of the new file's name."""

    title: str
    build: Callable[[Told, ModelFormat, str], CodePrompt]
    language: str
    word: str = ""


async def new_file(server: CodeFuseServer, target: Target, how: Making) -> types.WorkspaceEdit | None:
    """Return the edit that makes the file; None where its text was shown instead. Raises CodeFuseError."""
    document = unchanged(server, target).frozen()
    told = await asyncio.to_thread(told_about, server, document, target)
    async with server.work_done.shown(f"{how.title} {told.name}") as report:
        model = await model_of(server)
        asked = how.build(told, model, server.settings.system_prompt)
        most = await rewriting_room(server, asked, told.subject.code)
        try:
            text = await fitted(
                server, asked, model, told.restorations, most, report, lambda answer: new_text(answer, how.language)
            )
        except Misfit as misfit:
            await show_instead(server, told, misfit)
            return None
    unchanged(server, target)
    edit = await _edit(server, target.uri, document.path, text, how)
    if edit is None:
        view = server.views.open(f"{how.word or how.language}-{told.subject.name or 'code'}")
        await view.finish(f"# {told.name}\n\n{fenced(text, how.language)}")
    return edit


async def _edit(server: CodeFuseServer, uri: str, path: str, text: str, how: Making) -> types.WorkspaceEdit | None:
    if not uri.startswith("file:") or not path:
        return None
    try:
        place = await asyncio.to_thread(path_beside, PurePath(path), suffix_of(how.language), _exists, how.word)
    except Unfit:
        return None
    return new_file_edit(server, Path(place).as_uri(), text)


def translating(language: str) -> Making:
    """Return how code is translated to a language."""

    def build(told: Told, model: ModelFormat, system: str) -> CodePrompt:
        return translate_prompt(told.subject, language, model, system)

    return Making(f"Translating to {display_name(language)}:", build, language)


def target_languages(server: CodeFuseServer, language: str) -> list[str]:
    """Return the languages that code can be translated to: those of the setting, else of the open documents."""
    if not is_program(language):
        return []
    wanted = server.settings.translate_to
    opened = (document.language_id or "" for document in server.workspace.text_documents.values())
    found = dict.fromkeys(one for one in (wanted or opened) if one != language and is_program(one))
    return list(found) if wanted else sorted(found)[:MOST_OFFERED]


def is_program(language: str) -> bool:
    """Whether programs are written in a language."""
    return language in LANGUAGES and language not in _NO_PROGRAM


def _exists(path: PurePath) -> bool:
    return Path(path).exists()
