"""What a question can refer to, and how the words for it are completed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from lsprotocol import types

from codefuse_lsp.lsp.protocol.methods import request

COMMANDS = "codefuse/chat/commands"
COMPLETE = "codefuse/chat/complete"


@attrs.define
class Reference:
    """Something that a question is about; `kind` is file, selection, symbol, diagnostics, diff or terminal.

    A symbol has a name, and is looked for in `uri`, else in open documents, else in the workspace. Diagnostics and a
    terminal's output are `text`. A diff is that of what is staged in the repository round `uri`, else in the workspace.
    """

    uri: str | None = None
    range: types.Range | None = None
    kind: str | None = None
    name: str | None = None
    text: str | None = None


@attrs.define
class ChatCommand:
    """What a message can begin with: `/name`, and what may stand behind it."""

    name: str
    description: str
    argument: str


@attrs.define
class CompleteParams:
    """A message as far as it is written; `offset` is the cursor's, in UTF-16 units.

    The document and the range are those that the user has before them, if any.
    """

    text: str
    offset: int
    text_document: types.TextDocumentIdentifier | None = None
    range: types.Range | None = None


@attrs.define
class CompletionChoice:
    """What can stand at the cursor, in place of the UTF-16 units from `start` to `end`.

    `kind` is command, file, symbol, selection, diagnostics, diff or terminal; what refers to something has it as
    `reference`, to be sent with the message.
    """

    label: str
    detail: str
    kind: str
    insert_text: str
    start: int
    end: int
    reference: Reference | None = None


@attrs.define
class CompleteResult:
    """The choices, the likeliest first."""

    items: Sequence[CompletionChoice]


METHODS = request(COMMANDS, Any, Sequence[ChatCommand]) | request(COMPLETE, CompleteParams, CompleteResult)
