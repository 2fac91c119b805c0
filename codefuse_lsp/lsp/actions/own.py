"""What a user's own actions do: their words are asked, and the answer is shown, replaces, is inserted or is a file."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lsprotocol import types

from codefuse_lsp.config.own_actions import OwnAction
from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.lsp.actions.explain import Showing, explain
from codefuse_lsp.lsp.actions.new_files import Making, new_file
from codefuse_lsp.lsp.actions.replacing import Rewriting, behind, in_place, rewriting_edit, with_all_code
from codefuse_lsp.lsp.actions.told import Told
from codefuse_lsp.lsp.protocol.actions import Target
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.prompts.formats import ModelFormat, Prompt
from codefuse_lsp.prompts.questions import CodePrompt
from codefuse_lsp.prompts.templates import own_code_prompt, own_prompt


@dataclass(frozen=True, slots=True)
class Own:
    """One action and what it asks."""

    action: OwnAction

    @property
    def title(self) -> str:
        """What progress says of it."""
        return f"{self.action.name}:"

    @property
    def word(self) -> str:
        """What names of views and files say of it."""
        return re.sub(r"[^a-z0-9]+", "-", self.action.name.lower()).strip("-") or "own"

    def prompt(self, told: Told, model: ModelFormat, system: str) -> Prompt:
        """Return the prompt of an answer that is prose."""
        return own_prompt(self.action.prompt, told.subject, told.problems, model, system)

    def code_prompt(self, told: Told, model: ModelFormat, system: str) -> CodePrompt:
        """Return the prompt of an answer that is code."""
        return own_code_prompt(self.action.prompt, told.subject, told.problems, model, system)


def own_action(server: CodeFuseServer, target: Target) -> Own:
    """Return the action that a target is for. Raises CodeFuseError where it is not there any more."""
    found = server.own_actions.named(target.detail or "")
    if found is None:
        raise CodeFuseError(f"There is no action '{target.detail}' in the settings any more.")
    return Own(found)


async def show_own(server: CodeFuseServer, target: Target) -> None:
    """Show what the model answers. Raises CodeFuseError."""
    own = own_action(server, target)
    await explain(server, target, Showing(own.title, own.word, own.prompt))


async def own_edit(server: CodeFuseServer, target: Target) -> types.WorkspaceEdit | None:
    """Return the edit that an answer is made into; None where it was shown instead. Raises CodeFuseError."""
    own = own_action(server, target)
    if own.action.answer == "new_file":
        language = server.document(target.uri).language_id or ""
        return await new_file(server, target, Making(own.title, own.code_prompt, language, own.word))
    fit = in_place if own.action.answer == "replace" else behind
    return await rewriting_edit(server, target, Rewriting(own.title, with_all_code(own.code_prompt), fit))
