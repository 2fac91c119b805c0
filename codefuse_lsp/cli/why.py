"""`codefuse-lsp why`: what became of the last requests for ghost text, in any editor."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict

from rich.table import Table

from codefuse_lsp import config
from codefuse_lsp.cli import screen
from codefuse_lsp.config import Settings
from codefuse_lsp.suggestions import trace


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Print the last records, the newest last."""
    records = trace.read(config.data_dir() / trace.FILE_NAME, max(0, options.count))
    if options.json:
        screen.out.print_json(json.dumps([asdict(record) for record in records]))
        return 0
    if not records:
        screen.out.print("No ghost text has been asked for yet.")
        return 0
    table = Table("when", "place", "outcome", "ms", "prompt (cached)", "because", box=None, pad_edge=False)
    for record in records:
        when = time.strftime("%H:%M:%S", time.localtime(record.time))
        tokens = f"{record.prompt_tokens} ({record.cached_tokens})" if record.prompt_tokens else ""
        place = f"{record.file}:{record.line}"
        table.add_row(when, place, record.outcome, f"{record.total_ms:.0f}", tokens, record.detail)
    screen.out.print(table)
    return 0
