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
from pathlib import Path, PurePath

from codefuse_lsp.answers import DEFAULT_CONTEXT_TOKENS, fitting_chat, request_for, stream_answer
from codefuse_lsp.context.secrets import MIN_REPEATED_CHARS, Excerpt, conceal
from codefuse_lsp.generation.request import Chunk, Priority, Usage
from codefuse_lsp.lsp.protocol.references import Reference as Wanted
from codefuse_lsp.lsp.references import Desk, gather, on_desk
from codefuse_lsp.lsp.rounds import Running, Stored, referred_then, remarks, running, wanted
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.prompts.chat import Reference, Round, Talk
from codefuse_lsp.prompts.commands import expanded, help_text
from codefuse_lsp.prompts.formats import ModelFormat, Prompt
from codefuse_lsp.prompts.telling import Telling
from codefuse_lsp.suggestions.requests import model_format

RULES_CHARS_PER_TOKEN = 1  # of the context: about a third of it, whatever the text
MOST_AGAIN = 12  # rounds whose references are looked up again, where it is not known how they were told


@dataclass(frozen=True, slots=True)
class Told:
    """What a model is told, or the answer where none need be asked."""

    left_out: list[str]  # sentences for the user
    restorations: Mapping[str, str] = field(default_factory=dict)
    prompt: Prompt | None = None
    model: ModelFormat | None = None
    answer_tokens: int = 0
    answer: str = ""


async def told(
    server: CodeFuseServer,
    conversation: str,
    before: Sequence[Stored],
    message: str,
    references: Sequence[Wanted] = (),
) -> Told:
    """Return what the model is told for a message in a conversation. Raises CodeFuseError: QuestionTooLong."""
    command = expanded(message).command
    if command is not None and command.name == "help":
        return Told([], answer=help_text())
    desk = on_desk(server, wanted(message, references, server.troubled))  # at once: the user may type on
    ready = await server.connection.wait()
    model = model_format(ready.card, server.settings)
    context = ready.card.max_model_len or DEFAULT_CONTEXT_TOKENS
    kept = await asyncio.to_thread(running, [*before], message, server.remembered.tellings.of(conversation))
    again = kept.rounds[max(kept.shared, len(kept.rounds) - 1 - MOST_AGAIN) : -1]
    desks = [*(on_desk(server, referred_then(server, one)) for one in again), desk]
    room = context - server.settings.chat_max_tokens
    said = await asyncio.to_thread(_said, server, kept, desks, room)
    fitting = await fitting_chat(server.connection, server.settings, said.talk, model)
    server.remembered.tellings.keep(conversation, Telling(kept.keys, fitting.talk, said.restorations))
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


def _said(server: CodeFuseServer, kept: Running, desks: Sequence[Desk], room_tokens: int) -> _Said:
    """Return what may be told; reads files, so it runs in a thread.

    What was a secret in an earlier round is one still, though the reference that told so is not there any more.
    """
    rounds = kept.rounds
    gathered = [gather(server, desk) for desk in desks]
    rules, cut = _rules(server, desks[-1].folders, room_tokens)
    refers = bool(gathered[-1].found or gathered[-1].refused or len(rounds) > 1)
    left_out = [
        *remarks(rounds[-1].question, refers=refers),
        *gathered[-1].refused,
        *([cut] if len(rounds) == 1 else []),
    ]
    said = [Excerpt(piece, told=one.secrets) for one in rounds for piece in (one.asked, one.answer)]
    referred = [excerpt for one in gathered for _, excerpt in one.found]
    shown = server.suggester.surroundings.redacted([Excerpt(rules), *said, *referred])
    secrets, texts = shown[0].restorations, iter([one.text for one in shown])
    system = "\n\n".join(filter(None, [server.settings.system_prompt.strip(), next(texts)]))
    told_rounds = [Round(next(texts), (), next(texts)) for _ in rounds]
    for number, one in enumerate(gathered, len(rounds) - len(gathered)):
        references = tuple(replace(reference, text=next(texts)) for reference, _ in one.found)
        told_rounds[number] = replace(told_rounds[number], references=references)
    known = {name: secret for name, secret in secrets.items() if len(secret) >= MIN_REPEATED_CHARS}
    talk = Talk(tuple(told_rounds), system, older=kept.older)
    if kept.shared:
        telling = kept.telling.without(lambda one: _is_forbidden(server, one, desks[-1].folders))
        talk = telling.goes_on(talk, kept.shared, lambda text: conceal(text, known))
        secrets = {**telling.restorations, **secrets}
    return _Said(talk, list(filter(None, left_out)), secrets)


def _is_forbidden(server: CodeFuseServer, told_of: Reference, folders: Sequence[Path]) -> bool:
    """Return whether a file that was told of before must not be read any more."""
    if told_of.kind in ("diff", "terminal"):
        return False
    path = told_of.path
    places = [Path(path)] if PurePath(path).is_absolute() else [folder / path for folder in folders]
    return any(server.suggester.surroundings.ignore.rule_against(place) for place in places)


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
