"""`codefuse-lsp chat "…"`: one question, its answer written as it comes."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, aclosing
from dataclasses import replace
from pathlib import Path

from codefuse_lsp import config
from codefuse_lsp.answers import fitting_chat, request_for, stream_answer
from codefuse_lsp.cli import screen
from codefuse_lsp.cli.files import read_text
from codefuse_lsp.config import Settings
from codefuse_lsp.context.ignore import Ignore
from codefuse_lsp.context.languages import language_of
from codefuse_lsp.context.secrets import Redacted, machine_key, redact_all
from codefuse_lsp.errors import ConfigError
from codefuse_lsp.generation.connection import Connection, Status
from codefuse_lsp.generation.request import Chunk, Priority
from codefuse_lsp.prompts.chat import Reference, Round, Talk
from codefuse_lsp.suggestions.requests import model_format


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Print the answer on stdout as it is written."""
    texts = [_told(path, settings) for path in options.file]
    question, *shown = redact_all([options.question, *texts], machine_key(config.data_dir()))
    references = [
        Reference(str(path), language_of(str(path)), text.text) for path, text in zip(options.file, shown, strict=True)
    ]
    return asyncio.run(_ask(settings, question, references))


def _told(path: Path, settings: Settings) -> str:
    """Return the text of a file; raises ConfigError where there is none, or a rule forbids to read it."""
    if rule := Ignore(patterns=settings.ignore).rule_against(path):
        raise ConfigError(rule)
    return read_text(path)


async def _ask(settings: Settings, question: Redacted, references: list[Reference]) -> int:
    waiting = ExitStack()
    report = waiting.enter_context(screen.progress("Looking for the model"))
    connection = Connection(settings, lambda status: _tell(status, report))
    try:
        with waiting:
            ready = await connection.wait()
            report("The model reads", None)
            model = model_format(ready.card, settings)
            talk = Talk((Round(question.text, tuple(references)),), settings.system_prompt)
            chosen = await fitting_chat(connection, settings, talk, model)
            request = replace(request_for(chosen.prompt, settings, Priority.CHAT), max_tokens=chosen.answer_tokens)
            chunks = stream_answer(connection, request, model, question.restorations)
            while (first := await anext(chunks)).place is not None:
                report("Waiting for the model, which is busy", None)
        for sentence in chosen.left_out:
            screen.err.print(sentence, markup=False)
        async with aclosing(chunks):
            await _print(first, chunks, settings)
    finally:
        await connection.close()
    return 0


def _tell(status: Status, report: screen.Report) -> None:
    if status.state in ("starting", "loading"):
        report(status.message, status.progress)


async def _print(chunk: Chunk, rest: AsyncIterator[Chunk], settings: Settings) -> None:
    """Print an answer as it comes, and end its last line even where it is broken off."""
    try:
        screen.out.print(chunk.text, end="", markup=False, soft_wrap=True)
        async for chunk in rest:
            screen.out.print(chunk.text, end="", markup=False, soft_wrap=True)
    finally:
        screen.out.print()
    if chunk.finish_reason == "length":
        screen.err.print(
            f"Cut off after chat_max_tokens = {settings.chat_max_tokens}; --set chat_max_tokens=N allows more."
        )
