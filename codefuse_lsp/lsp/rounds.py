"""The rounds of a conversation as it is kept: what was asked, what was answered, what each question referred to.

Turns of the history and references of the wire in; rounds and what their words mean out. Knows nothing of files
or of what fits a prompt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol
from urllib.parse import unquote

from pygls.exceptions import JsonRpcException

from codefuse_lsp.lsp.protocol.references import Reference as Wanted
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.prompts.commands import COMMANDS, expanded
from codefuse_lsp.prompts.mentions import Mention, mentions
from codefuse_lsp.prompts.telling import Telling, keys_of

NO_CODE = "The command is about code, and the message refers to none: refer to a selection or a file."

MOST_ROUNDS, ROUNDS_STEP = 100, 50  # that are looked at: more than a prompt holds; older ones go many at once


class Stored(Protocol):
    """A turn of a conversation as it is kept; `secrets` are all that were known for one in its round."""

    @property
    def role(self) -> str:
        """Either human or bot."""
        ...

    @property
    def text(self) -> str:
        """What was said, as it was said."""
        ...

    @property
    def secrets(self) -> tuple[str, ...]:
        """What is known for a secret in it."""
        ...

    @property
    def references(self) -> Sequence[Mapping[str, Any]]:
        """What a question referred to, as the client named it."""
        ...


@dataclass(frozen=True, slots=True)
class Kept:
    """A round as it is kept; the answer is '' where there is none (yet)."""

    question: str
    answer: str = ""
    secrets: tuple[str, ...] = ()
    references: Sequence[Mapping[str, Any]] = ()

    @property
    def asked(self) -> str:
        """The question as the model reads it."""
        return expanded(self.question).text


def rounds_of(turns: Sequence[Stored]) -> list[Kept]:
    """Return the rounds of kept turns; a question without an answer is a round, an answer without a question none."""
    rounds: list[Kept] = []
    for turn in turns:
        if turn.role != "bot":
            rounds.append(Kept(turn.text, secrets=tuple(turn.secrets), references=turn.references))
        elif rounds:
            last = rounds[-1]
            answer = f"{last.answer}\n\n{turn.text}" if last.answer else turn.text
            rounds[-1] = replace(last, answer=answer, secrets=tuple(dict.fromkeys([*last.secrets, *turn.secrets])))
    return rounds


@dataclass(frozen=True, slots=True)
class Running:
    """The last rounds of a conversation, with the one that is asked, and how the first of them were told before."""

    rounds: Sequence[Kept]
    older: int  # rounds before them
    keys: tuple[str, ...]
    telling: Telling
    shared: int  # of the rounds are told so again


def running(before: Sequence[Stored], message: str, telling: Telling) -> Running:
    """Return what is known of a conversation; of a very long one, the rounds that may have room in a prompt."""
    rounds = [*rounds_of(before), Kept(message)]
    keys = keys_of([(one.question, one.answer) for one in rounds])
    older = max(0, (len(rounds) - MOST_ROUNDS) // ROUNDS_STEP * ROUNDS_STEP)
    secrets = tuple(dict.fromkeys(secret for one in rounds[: older + 1] for secret in one.secrets))
    rounds[older] = replace(rounds[older], secrets=secrets)
    telling = telling.since(keys[older])
    shared = min(telling.shared_with(keys[older:]), len(rounds) - older - 1)
    return Running(rounds[older:], older, keys[older:], telling, shared)


def referred_then(server: CodeFuseServer, kept: Kept) -> list[Wanted]:
    """Return what an earlier question referred to, as far as it can be read again."""
    found = []
    for one in kept.references:
        try:
            found.append(server.protocol.from_wire(one, Wanted))
        except JsonRpcException:  # of another version of ours
            continue
    return wanted(kept.question, found, server.troubled)


def wanted(message: str, references: Sequence[Wanted], troubled: Sequence[str] = ()) -> list[Wanted]:
    """Return what a message refers to: what came with it, what its words mention, and what its command is about.

    `troubled` are the uris of the documents whose problems are known: those that the message refers to are meant, else
    all. A command asks for the problems of no others, and of none where none are known.
    """
    found = list(references)
    mentioned = [one for one in mentions(message) if not any(_is_named(one, given) for given in references)]
    found += [Wanted(kind=one.kind, name=one.name or None) for one in mentioned if one.kind != "diagnostics"]
    problems = [Wanted(uri, kind="diagnostics") for uri in troubled if any(_is_of(one, uri) for one in found)]
    if Mention("diagnostics") in mentioned:
        all_problems = [Wanted(uri, kind="diagnostics") for uri in troubled]
        found += problems or all_problems or [Wanted(kind="diagnostics")]
    command = expanded(message).command
    brings = command.brings if command is not None else ""
    if brings and all(one.kind != brings for one in found):
        found += [Wanted(kind="diff")] if brings == "diff" else problems
    return found


def remarks(message: str, *, refers: bool) -> list[str]:
    """Return what the user is to know of the command that a message begins with; `refers` is whether it has code."""
    asked = expanded(message)
    if asked.unknown:
        names = ", ".join(f"/{one.name}" for one in COMMANDS)
        return [f"There is no command /{asked.unknown}, so it was sent as text. There are {names}."]
    needs_code = asked.command is not None and asked.command.needs_code and not asked.argument
    return [NO_CODE] if needs_code and not refers else []


def _is_named(mention: Mention, given: Wanted) -> bool:
    """Return whether a reference that came with a message is what its words mention."""
    if mention.kind == "file":
        return unquote(given.uri or "").endswith(f"/{mention.name}")
    kind = given.kind or ("selection" if given.range else None)
    return kind == mention.kind and (not mention.name or given.name == mention.name)


def _is_of(reference: Wanted, uri: str) -> bool:
    """Return whether a reference is to a document or something in it."""
    if reference.uri is None:
        is_file = reference.kind == "file" and bool(reference.name)
        return is_file and unquote(uri).endswith(f"/{reference.name}")
    return reference.kind != "diff" and unquote(reference.uri) == unquote(uri)
