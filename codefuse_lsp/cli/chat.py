"""`codefuse-lsp chat "…"`: one question, its answer written as it comes."""

from __future__ import annotations

import argparse
import asyncio
from contextlib import aclosing
from pathlib import Path

from codefuse_lsp.answers import fitting_chat, request_for, stream_answer
from codefuse_lsp.cli import screen
from codefuse_lsp.config import Settings
from codefuse_lsp.context.languages import language_of
from codefuse_lsp.errors import ConfigError
from codefuse_lsp.generation.connection import Connection, Status
from codefuse_lsp.generation.request import Priority
from codefuse_lsp.prompts.chat import Reference
from codefuse_lsp.prompts.formats import Turn, restorer
from codefuse_lsp.suggestions.pipeline import model_format


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Print the answer on stdout as it is written."""
    references = [_reference(path) for path in options.file]
    return asyncio.run(_ask(settings, options.question, references))


async def _ask(settings: Settings, question: str, references: list[Reference]) -> int:
    with screen.progress("Looking for the model") as report:

        def watch(status: Status) -> None:
            if status.state in ("starting", "loading"):
                report(status.message, status.progress)

        connection = Connection(settings, watch)
        ready = await connection.wait()
    try:
        model = model_format(ready.card, settings)
        chosen = await fitting_chat(connection, settings, [Turn("human", question)], references, model)
        if chosen.left_out:
            screen.err.print(chosen.left_out)
        request = request_for(chosen.prompt, settings, Priority.CHAT)
        async with aclosing(stream_answer(connection, request, restorer(model))) as chunks:
            async for chunk in chunks:
                screen.out.print(chunk.text, end="", markup=False, soft_wrap=True)
        screen.out.print()
    finally:
        await connection.close()
    return 0


def _reference(path: Path) -> Reference:
    try:
        return Reference(str(path), language_of(str(path)), path.read_text("utf-8", errors="replace"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}).") from None
