"""What a model is told when a question is asked: a system text with the project's rules, what was said, the question.

A message and a kept conversation in; a prompt that fits out, and what it leaves out. Placeholders stand for the secrets
in it. A conversation that goes on is told as it was told before, as far as it is the same. Reads files and runs git in
threads. Knows nothing of where conversations are kept, nor of what becomes of answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

from codefuse_lsp.answers import DEFAULT_CONTEXT_TOKENS, fitting_chat, request_for, stream_answer
from codefuse_lsp.context.secrets import MIN_REPEATED_CHARS, Excerpt, conceal
from codefuse_lsp.generation.request import Chunk, Priority, Usage
from codefuse_lsp.lsp.protocol.references import Reference as Wanted
from codefuse_lsp.lsp.references import Desk, Gathered, gather, on_desk
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.prompts.chat import Round, Talk
from codefuse_lsp.prompts.commands import COMMANDS, expanded, help_text
from codefuse_lsp.prompts.formats import ModelFormat, Prompt
from codefuse_lsp.prompts.mentions import Mention, mentions
from codefuse_lsp.prompts.telling import Telling, keys_of
from codefuse_lsp.suggestions.requests import model_format

RULES_CHARS_PER_TOKEN = 1  # of the context: about a third of it, whatever the text
MOST_AGAIN = 12  # rounds whose references are looked up again, where it is not known how they were told
NO_CODE = "The command is about code, and the message refers to none: refer to a selection or a file."


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
class Told:
    """What a model is told, or the answer where none need be asked."""

    left_out: list[str]  # sentences for the user
    restorations: Mapping[str, str] = field(default_factory=dict)
    prompt: Prompt | None = None
    model: ModelFormat | None = None
    answer_tokens: int = 0
    answer: str = ""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A round as it is kept."""

    question: str
    answer: str = ""
    secrets: tuple[str, ...] = ()
    references: tuple[Wanted, ...] = ()


async def told(
    server: CodeFuseServer,
    conversation: str,
    before: Sequence[Stored],
    message: str,
    references: Sequence[Wanted] = (),
) -> Told:
    """Return what the model is told for a message in a conversation. Raises CodeFuseError: QuestionTooLong."""
    asked = expanded(message)
    if asked.command is not None and asked.command.name == "help":
        return Told([], answer=help_text())
    ready = await server.connection.wait()
    model = model_format(ready.card, server.settings)
    context = ready.card.max_model_len or DEFAULT_CONTEXT_TOKENS
    rounds = [*_rounds(server, before), _Kept(message, references=tuple(references))]
    telling = server.remembered.tellings.of(conversation)
    keys = await asyncio.to_thread(keys_of, [(one.question, one.answer) for one in rounds])
    shared = min(telling.shared_with(keys), len(rounds) - 1)
    first = max(shared, len(rounds) - 1 - MOST_AGAIN)
    desks = [on_desk(server, _wanted(one.question, one.references)) for one in rounds[first:]]
    room = context - server.settings.chat_max_tokens
    said = await asyncio.to_thread(_said, server, rounds, desks, _Before(telling, keys, shared), room)
    fitting = await fitting_chat(server.connection, server.settings, said.talk, model)
    server.remembered.tellings.keep(conversation, Telling(keys, fitting.talk, said.restorations))
    left_out = [*said.left_out, *fitting.left_out]
    return Told(left_out, said.restorations, fitting.prompt, model, fitting.answer_tokens)


async def answered(server: CodeFuseServer, what: Told) -> AsyncGenerator[Chunk]:
    """Yield the answer to what was told, as it is written; closing the stream cancels it. Raises CodeFuseError."""
    if what.prompt is None or what.model is None:
        yield Chunk(what.answer, "stop", usage=Usage(0, 0))
        return
    request = request_for(what.prompt, server.settings, Priority.CHAT)
    request = replace(request, max_tokens=what.answer_tokens)
    async with aclosing(stream_answer(server.connection, request, what.model, what.restorations)) as chunks:
        async for chunk in chunks:
            yield chunk


@dataclass(frozen=True, slots=True)
class _Said:
    """A conversation without secrets, not yet made to fit."""

    talk: Talk
    left_out: list[str]
    restorations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Before:
    """How the conversation was told, and how many of its rounds are told so again."""

    telling: Telling
    keys: tuple[str, ...]
    shared: int


def _said(
    server: CodeFuseServer, rounds: Sequence[_Kept], desks: Sequence[Desk], before: _Before, room_tokens: int
) -> _Said:
    """Return what may be told; reads files, so it runs in a thread.

    What was a secret in an earlier round is one still, though the reference that told so is not there any more.
    """
    gathered = [gather(server, desk) for desk in desks]
    rules, cut = _rules(server, desks[-1].folders, room_tokens)
    left_out = [*_remarks(rounds, gathered[-1]), *gathered[-1].refused, *([cut] if len(rounds) == 1 else [])]
    said = [Excerpt(piece, told=one.secrets) for one in rounds for piece in (_question(one.question), one.answer)]
    referred = [excerpt for one in gathered for _, excerpt in one.found]
    shown = server.suggester.surroundings.redacted([Excerpt(rules), *said, *referred])
    secrets, texts = shown[0].restorations, iter([one.text for one in shown])
    system = "\n\n".join(filter(None, [server.settings.system_prompt.strip(), next(texts)]))
    told_rounds = [Round(next(texts), (), next(texts)) for _ in rounds]
    for number, one in enumerate(gathered, len(rounds) - len(gathered)):
        references = tuple(replace(reference, text=next(texts)) for reference, _ in one.found)
        told_rounds[number] = replace(told_rounds[number], references=references)
    known = {name: secret for name, secret in secrets.items() if len(secret) >= MIN_REPEATED_CHARS}
    talk = Talk(tuple(told_rounds), system)
    if before.shared:
        talk = before.telling.goes_on(talk, before.shared, lambda text: conceal(text, known))
        secrets = {**before.telling.restorations, **secrets}
    return _Said(talk, list(filter(None, left_out)), secrets)


def _rounds(server: CodeFuseServer, turns: Sequence[Stored]) -> list[_Kept]:
    """Return the rounds of kept turns; a question without an answer is a round, an answer without a question none."""
    rounds: list[_Kept] = []
    for turn in turns:
        if turn.role != "bot":
            wanted = tuple(server.protocol.from_wire(one, Wanted) for one in turn.references)
            rounds.append(_Kept(turn.text, secrets=tuple(turn.secrets), references=wanted))
        elif rounds:
            last = rounds[-1]
            answer = f"{last.answer}\n\n{turn.text}" if last.answer else turn.text
            rounds[-1] = replace(last, answer=answer, secrets=tuple(dict.fromkeys([*last.secrets, *turn.secrets])))
    return rounds


def _question(message: str) -> str:
    return expanded(message).text


def _wanted(message: str, references: Sequence[Wanted]) -> list[Wanted]:
    """Return what a message refers to: what came with it, what its words mention, and what its command is about."""
    wanted = list(references)
    for one in mentions(message):
        if not any(_is_named(one, given) for given in references):
            wanted.append(Wanted(kind=one.kind, name=one.name or None))
    command = expanded(message).command
    if command is not None and command.brings == "diff" and all(one.kind != "diff" for one in wanted):
        wanted.append(Wanted(kind="diff"))
    return wanted


def _is_named(mention: Mention, given: Wanted) -> bool:
    """Return whether a reference that came with a message is what its words mention."""
    if mention.kind == "file":
        return (unquote(given.uri or "")).endswith(f"/{mention.name}")
    return given.kind == mention.kind and (given.name or "") == mention.name


def _remarks(rounds: Sequence[_Kept], gathered: Gathered) -> list[str]:
    """Return what the user is to know of their command."""
    asked = expanded(rounds[-1].question)
    if asked.unknown:
        names = ", ".join(f"/{one.name}" for one in COMMANDS)
        return [f"There is no command /{asked.unknown}, so it was sent as text. There are {names}."]
    needs_code = asked.command is not None and asked.command.needs_code and not asked.argument
    return [NO_CODE] if needs_code and len(rounds) == 1 and not (gathered.found or gathered.refused) else []


def _rules(server: CodeFuseServer, folders: Sequence[Path], room_tokens: int) -> tuple[str, str]:
    """Return the project's rules, where the user trusts the workspace, and a sentence if they were cut."""
    if not (server.trusted and server.settings.project_rules):
        return "", ""
    ignore = server.suggester.surroundings.ignore
    found = server.remembered.rules.of(
        folders, lambda path: ignore.reason_unasked(path) is None, max(0, room_tokens) * RULES_CHARS_PER_TOKEN
    )
    if not found.cut:
        return found.text, ""
    return (
        found.text,
        f"The project's rules are longer than the model can be told; cut or left out: {', '.join(found.cut)}.",
    )
