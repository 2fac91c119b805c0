"""The actions: what each is called, of which kind it is, where it is offered, and what is done with its answer.

A new action is an entry here; what it asks stands in `prompts/`, what becomes of an answer in a module of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from lsprotocol import types

from codefuse_lsp.lsp.actions.committing import message_edit
from codefuse_lsp.lsp.actions.documenting import DOCUMENTING
from codefuse_lsp.lsp.actions.explain import explain
from codefuse_lsp.lsp.actions.new_files import new_file, translating
from codefuse_lsp.lsp.actions.own import own_edit, show_own
from codefuse_lsp.lsp.actions.renaming import choose_name
from codefuse_lsp.lsp.actions.replacing import Rewriting, in_place, rewriting_edit, with_all_code
from codefuse_lsp.lsp.actions.reviewing import review
from codefuse_lsp.lsp.actions.told import Told, mended
from codefuse_lsp.lsp.protocol.actions import Target
from codefuse_lsp.lsp.selection import unchanged
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.lsp.write_tests import tests_edit
from codefuse_lsp.prompts.formats import ModelFormat
from codefuse_lsp.prompts.questions import CodePrompt
from codefuse_lsp.prompts.rewriting import fix_prompt, optimise_prompt

Edit = types.WorkspaceEdit | None
MakeEdit = Callable[[CodeFuseServer, Target], Awaitable[Edit]]
Do = Callable[[CodeFuseServer, Target], Awaitable[Any]]


class Where(Enum):
    """Where an action is offered."""

    CODE = "on any code"
    FILES = "on code that lies in a file"
    DEFINITIONS = "on a function, method or class that can be documented"
    NAMES = "on a name"
    PROBLEMS = "where the client has diagnostics"
    PROGRAMS = "on code, once for each language it can be translated to"
    MESSAGES = "in git's commit message"
    OWN = "once for each action of the user's own"


@dataclass(frozen=True, slots=True)
class Action:
    """One action; `name` is its command. It makes an edit, which the client applies, or does something else."""

    name: str
    title: str
    kind: str
    where: Where
    edit: MakeEdit | None = None
    do: Do | None = None


async def _fix(server: CodeFuseServer, target: Target) -> Edit:
    narrowed = await asyncio.to_thread(mended, unchanged(server, target).frozen(), target)
    return await rewriting_edit(server, narrowed, Rewriting("Fixing", with_all_code(_fix_prompt), in_place))


async def _simplify(server: CodeFuseServer, target: Target) -> Edit:
    return await rewriting_edit(server, target, Rewriting("Simplifying", with_all_code(_simplify_prompt), in_place))


async def _document(server: CodeFuseServer, target: Target) -> Edit:
    return await rewriting_edit(server, target, DOCUMENTING)


async def _translate(server: CodeFuseServer, target: Target) -> Edit:
    return await new_file(server, target, translating(target.detail or ""))


async def _review(server: CodeFuseServer, target: Target) -> int:
    return len(await review(server, target))


def _fix_prompt(told: Told, model: ModelFormat, system: str) -> CodePrompt:
    return fix_prompt(told.subject, told.problems, model, system)


def _simplify_prompt(told: Told, model: ModelFormat, system: str) -> CodePrompt:
    return optimise_prompt(told.subject, model, system)


# In the order in which they are offered.
ACTIONS = (
    Action("codefuse.fix", "Fix", "quickfix", Where.PROBLEMS, edit=_fix),
    Action("codefuse.explain", "Explain", "refactor.codefuse.explain", Where.CODE, do=explain),
    Action("codefuse.writeTests", "Write tests", "refactor.codefuse.tests", Where.FILES, edit=tests_edit),
    Action("codefuse.document", "Document", "refactor.codefuse.document", Where.DEFINITIONS, edit=_document),
    Action("codefuse.simplify", "Simplify", "refactor.rewrite.codefuse.simplify", Where.CODE, edit=_simplify),
    Action("codefuse.review", "Review", "refactor.codefuse.review", Where.CODE, do=_review),
    Action("codefuse.suggestNames", "Suggest names for", "refactor.rewrite.codefuse.rename", Where.NAMES,
           do=choose_name),
    Action("codefuse.translate", "Translate to", "refactor.codefuse.translate", Where.PROGRAMS, edit=_translate),
    Action("codefuse.commitMessage", "Write commit message", "refactor.codefuse.commitMessage", Where.MESSAGES,
           edit=message_edit),
    Action("codefuse.ownAction", "", "refactor.codefuse.own", Where.OWN, edit=own_edit, do=show_own),
)  # fmt: skip
BY_NAME = {action.name: action for action in ACTIONS}
KINDS = [*dict.fromkeys(action.kind for action in ACTIONS)]
