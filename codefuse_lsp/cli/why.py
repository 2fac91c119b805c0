"""`codefuse-lsp why`: what became of the last requests for ghost text, in any editor."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

from codefuse_lsp import config
from codefuse_lsp.cli import files, screen
from codefuse_lsp.config import Settings
from codefuse_lsp.suggestions import trace


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Print the last records, the newest last."""
    records = trace.read(config.data_dir() / trace.FILE_NAME, options.count)
    if options.json:
        screen.out.print_json(json.dumps([asdict(record) for record in records]))
        return 0
    if not records:
        screen.out.print(_why_none(config.data_dir()), markup=False, soft_wrap=True)
        return 0
    table = screen.table("when", "place", "outcome", "ms", "prompt (cached)", "because")
    for record in records:
        when = time.strftime("%H:%M:%S", time.localtime(record.time))
        tokens = f"{record.prompt_tokens} ({record.cached_tokens})" if record.prompt_tokens else ""
        place = f"{record.file}:{record.line}"
        table.add_row(when, place, record.outcome, f"{record.total_ms:.0f}", tokens, record.detail)
    screen.show(table)
    return 0


def _why_none(folder: Path) -> str:
    if files.problem_of_folder(folder):
        return f"Nothing is known: what becomes of requests is kept in {folder}, which cannot be written."
    return "No ghost text has been asked for yet."
