"""`codefuse-lsp why`: what became of the last requests for ghost text, in any editor."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.text import Text

from codefuse_lsp import config
from codefuse_lsp.cli import files, screen
from codefuse_lsp.config import Settings
from codefuse_lsp.errors import ConfigError
from codefuse_lsp.suggestions import log, trace
from codefuse_lsp.suggestions.outcome import Suggestion

LONGEST_TEXT = 60  # characters in the table, of a text that was taken away


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Print the last records, the newest last, or all that was said for one of them."""
    if options.id or options.rebuild:
        return _rebuild(options, config.data_dir() / log.FILE_NAME)
    records = trace.read(config.data_dir() / trace.FILE_NAME, options.count)
    dropped = log.dropped_by_id(config.data_dir() / log.FILE_NAME)
    if options.json:
        told = [asdict(record) | {"dropped": _told(dropped.get(record.id, ()))} for record in records]
        screen.out.print_json(json.dumps(told))
        return 0
    if not records:
        screen.out.print(_why_none(config.data_dir()), markup=False, soft_wrap=True)
        return 0
    table = screen.table("id", "when", "place", "outcome", "ms", "prompt (cached)", "because")
    for record in records:
        when = time.strftime("%H:%M:%S", time.localtime(record.time))
        tokens = f"{record.prompt_tokens} ({record.cached_tokens})" if record.prompt_tokens else ""
        place = f"{record.file}:{record.line}"
        reasons = [record.detail or (f"from the {record.source}" if record.source in ("cache",) else "")]
        reasons += [f"{name} took {_begun(text)}" for name, text in dropped.get(record.id, ())]
        outcome = f"{record.outcome}, {record.fate}" if record.fate else record.outcome
        because = "; ".join(filter(None, reasons))
        row = (record.id, when, place, outcome, f"{record.total_ms:.0f}", tokens, because)
        table.add_row(*map(Text, row))  # code and names of files may look like markup
    screen.show(table)
    return 0


def _told(dropped: log.Dropped) -> list[dict[str, str]]:
    return [{"filter": name, "text": text} for name, text in dropped]


def _begun(text: str) -> str:
    text = text.strip()
    return repr(text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…")


def _rebuild(options: argparse.Namespace, path: Path) -> int:
    """Print what one request asked, what was answered, and what each filter took away."""
    if not options.id:
        raise ConfigError("Name the request: codefuse-lsp why ID --rebuild. `codefuse-lsp why --json` shows the ids.")
    said = log.find(path, options.id)
    if said is None:
        raise ConfigError(
            f"There is no request {options.id} in {path}; the oldest are forgotten, "
            "and none is kept where the setting completion_log is false."
        )
    if said.origin and not said.prompt and (origin := log.find(path, said.origin)) is not None:
        said = replace(said, prompt=origin.prompt, heal=origin.heal, written=origin.written)
    again = _again(said)
    if options.json:
        screen.out.print_json(json.dumps(asdict(said) | {"rebuilt": again}))
        return 0
    parts = [("prompt", said.prompt), ("to begin with", said.heal), ("the model wrote", said.written)]
    parts += [(f"taken away by: {name}", text) for name, text in said.dropped]
    if again is not None:
        name = "made of it once more: the same text" if again["same"] else "made of it once more: another text"
        parts += [(name, again["text"] or "(nothing)")]
    for name, text in [*parts, ("shown", said.shown)]:
        if text:
            screen.out.rule(name, align="left")
            screen.out.print(text, markup=False, highlight=False, soft_wrap=True)
    return 0


def _again(said: log.Said) -> dict[str, Any] | None:
    """Return what the filters make of the answer now, and whether that is what was shown."""
    if said.given is None:
        return None
    from codefuse_lsp.suggestions.rebuilding import rebuilt  # with its grammars only for those who need them

    outcome = rebuilt(said.given).outcome
    text, replaces = (outcome.text, outcome.replaces) if isinstance(outcome, Suggestion) else ("", 0)
    return {"text": text, "replaces": replaces, "same": text == said.shown}


def _why_none(folder: Path) -> str:
    if files.problem_of_folder(folder):
        return f"Nothing is known: what becomes of requests is kept in {folder}, which cannot be written."
    return "No ghost text has been asked for yet."
