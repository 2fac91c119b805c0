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
from typing import Protocol

from codefuse_lsp.answers import DEFAULT_CONTEXT_TOKENS, fitting_chat, request_for, stream_answer
from codefuse_lsp.context.secrets import MIN_REPEATED_CHARS, Excerpt, conceal
from codefuse_lsp.generation.request import Chunk, Priority, Usage
from codefuse_lsp.lsp.protocol.references import Reference as Wanted
from codefuse_lsp.lsp.references import Desk, gather, on_desk
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.prompts.chat import Reference, Round, Talk
from codefuse_lsp.prompts.commands import COMMANDS, Expanded, expanded, help_text
from codefuse_lsp.prompts.formats import ModelFormat, Prompt
from codefuse_lsp.prompts.telling import Telling, keys_of
from codefuse_lsp.suggestions.requests import model_format

RULES_CHARS_PER_TOKEN = 1  # of the context: about a third of it, whatever the text
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
    desk = on_desk(server, [*references, *_brought(asked, references)])
    ready = await server.connection.wait()
    model = model_format(ready.card, server.settings)
    context = ready.card.max_model_len or DEFAULT_CONTEXT_TOKENS
    rounds = [*_rounds(before), _Kept(message)]
    telling = server.remembered.tellings.of(conversation)
    work = (server, rounds, asked, desk, telling, context - server.settings.chat_max_tokens)
    said = await asyncio.to_thread(_said, *work)
    fitting = await fitting_chat(server.connection, server.settings, said.talk, model)
    server.remembered.tellings.keep(conversation, Telling(said.keys, fitting.talk, said.restorations))
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
    keys: tuple[str, ...]
    left_out: list[str]
    restorations: Mapping[str, str]


def _said(
    server: CodeFuseServer, rounds: Sequence[_Kept], asked: Expanded, desk: Desk, telling: Telling, room_tokens: int
) -> _Said:
    """Return what may be told; reads files, so it runs in a thread.

    What was a secret in an earlier round is one still, though the reference that told so is not there any more.
    """
    gathered = gather(server, desk)
    left_out = [*_remarks(asked, desk, rounds), *gathered.refused]
    rules, cut = _rules(server, desk.folders, room_tokens)
    left_out += [cut] if cut and len(rounds) == 1 else []
    pieces = [Excerpt(piece, told=one.secrets) for one in rounds for piece in (_question(one.question), one.answer)]
    excerpts = [*pieces, Excerpt(rules), *(excerpt for _, excerpt in gathered.found)]
    shown = server.suggester.surroundings.redacted(excerpts)
    texts = [one.text for one in shown]
    questions, answers = texts[: len(pieces) : 2], texts[1 : len(pieces) : 2]
    found = [replace(one, text=text) for (one, _), text in zip(gathered.found, texts[len(pieces) + 1 :], strict=True)]
    system = "\n\n".join(filter(None, [server.settings.system_prompt.strip(), texts[len(pieces)]]))
    talk = _talk(system, questions, answers, found)
    keys = keys_of([(one.question, one.answer) for one in rounds])
    secrets = shown[0].restorations
    known = {name: secret for name, secret in secrets.items() if len(secret) >= MIN_REPEATED_CHARS}
    shared = min(telling.shared_with(keys), len(rounds) - 1)
    talk = telling.goes_on(talk, shared, lambda text: conceal(text, known))
    return _Said(talk, keys, left_out, {**telling.restorations, **secrets} if shared else secrets)


def _talk(system: str, questions: Sequence[str], answers: Sequence[str], references: Sequence[Reference]) -> Talk:
    rounds = [Round(question, (), answer) for question, answer in zip(questions, answers, strict=True)]
    return Talk((*rounds[:-1], replace(rounds[-1], references=tuple(references))), system)


def _rounds(turns: Sequence[Stored]) -> list[_Kept]:
    """Return the rounds of kept turns; a question without an answer is a round, an answer without a question none."""
    rounds: list[_Kept] = []
    for turn in turns:
        if turn.role != "bot":
            rounds.append(_Kept(turn.text, secrets=tuple(turn.secrets)))
        elif rounds:
            last = rounds[-1]
            answer = f"{last.answer}\n\n{turn.text}" if last.answer else turn.text
            rounds[-1] = _Kept(last.question, answer, tuple(dict.fromkeys([*last.secrets, *turn.secrets])))
    return rounds


def _question(message: str) -> str:
    return expanded(message).text


def _brought(asked: Expanded, references: Sequence[Wanted]) -> list[Wanted]:
    """Return what a command is about and the user has not given."""
    kind = asked.command.brings if asked.command is not None else ""
    return [Wanted(kind=kind)] if kind == "diff" and all(one.kind != kind for one in references) else []


def _remarks(asked: Expanded, desk: Desk, rounds: Sequence[_Kept]) -> list[str]:
    """Return what the user is to know of their command."""
    if asked.unknown:
        names = ", ".join(f"/{one.name}" for one in COMMANDS)
        return [f"There is no command /{asked.unknown}, so it was sent as text. There are {names}."]
    lacks_code = asked.command is not None and asked.command.needs_code and not asked.argument
    return [NO_CODE] if lacks_code and not desk.given and len(rounds) == 1 else []


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
