"""`codefuse-lsp complete PATH:LINE:COLUMN`: the ghost text that an editor would show there."""

from __future__ import annotations

import argparse
import asyncio
import io
import json
from pathlib import Path
from typing import Any

from rich.text import Text

from codefuse_lsp import config
from codefuse_lsp.cli import screen
from codefuse_lsp.cli.files import read_text
from codefuse_lsp.config import Settings
from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.context.languages import language_of
from codefuse_lsp.errors import ConfigError
from codefuse_lsp.generation.connection import Connection, Status
from codefuse_lsp.suggestions.asked import asked_at
from codefuse_lsp.suggestions.log import FILE_NAME as LOG_NAME
from codefuse_lsp.suggestions.log import RequestLog
from codefuse_lsp.suggestions.outcome import Silence, Suggestion
from codefuse_lsp.suggestions.pipeline import Suggester
from codefuse_lsp.suggestions.surroundings import Surroundings
from codefuse_lsp.suggestions.trace import FILE_NAME, Trace

SHOWN_LINES = 4  # of the file, above the suggestion


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Print the suggestion on stdout; exit code 0 with text, 1 in silence."""
    path, line, column = options.place
    lines = _lines(read_text(path))
    if line > len(lines):
        has = "1 line" if len(lines) == 1 else f"{len(lines)} lines"
        raise ConfigError(f"{path} has {has}; there is no line {line}.")
    with screen.progress("Asking the model") as report:
        outcome, context = asyncio.run(_ask(settings, path, lines, line - 1, column - 1, report))
    if options.json:
        screen.out.print_json(json.dumps(_as_json(outcome)))
    elif isinstance(outcome, Suggestion):
        _show(context, outcome)
    else:
        screen.err.print(f"No suggestion: {outcome.reason}. {outcome.detail}")
    return 0 if isinstance(outcome, Suggestion) else 1


async def _ask(
    settings: Settings, path: Path, lines: list[str], line: int, column: int, report: screen.Report
) -> tuple[Suggestion | Silence, CursorContext]:
    def watch(status: Status) -> None:
        if status.state in ("starting", "loading"):
            report(status.message, status.progress)

    connection = Connection(settings, watch)
    try:
        await connection.wait()
        report("Asking the model", None)
        folder = config.data_dir()
        root = next((p for p in path.absolute().parents if (p / ".git").exists()), path.absolute().parent)
        surroundings = Surroundings([root], settings.ignore, settings.languages_off, key_folder=folder)
        log = RequestLog(folder / LOG_NAME if settings.completion_log else None)
        suggester = Suggester(connection, settings, Trace(folder / FILE_NAME), surroundings, log)
        asked = asked_at(
            lines,
            line,
            column,
            uri=path.absolute().as_uri(),
            path=str(path.absolute()),
            language=language_of(str(path)),
            version=0,
            budget_chars=suggester.budget_chars,
            invoked=True,
        )
        outcome = await suggester.suggest(asked)
        await suggester.close()
        return outcome, asked.context
    finally:
        await connection.close()


def _lines(text: str) -> list[str]:
    """Return the lines of a text with their ends, the last one without (LSP 3.17, section Text Documents)."""
    lines = list(io.StringIO(text, newline=""))
    return lines if lines and not lines[-1].endswith(("\n", "\r")) else [*lines, ""]


def _as_json(outcome: Suggestion | Silence) -> dict[str, Any]:
    if isinstance(outcome, Suggestion):
        return {"id": outcome.id, "text": outcome.text, "replaces": outcome.replaces}
    return {"text": None, "reason": outcome.reason, "detail": outcome.detail}


def _show(context: CursorContext, suggestion: Suggestion) -> None:
    """Print the suggestion where it stands; only its own text where the output is not a terminal."""
    if not screen.out.is_terminal:
        screen.out.print(suggestion.text, markup=False, soft_wrap=True)
        return
    above = "".join(context.prefix.splitlines(keepends=True)[-SHOWN_LINES:])
    rest = context.line_suffix[suggestion.replaces :]
    screen.out.print(Text.assemble(above, (suggestion.text, "bold cyan"), rest), soft_wrap=True)
