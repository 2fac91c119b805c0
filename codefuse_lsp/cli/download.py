"""`codefuse-lsp download smollm2`: fetch, check and convert the embedded model."""

from __future__ import annotations

import argparse

from codefuse_lsp.cli import screen
from codefuse_lsp.config import Settings


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Fetch the embedded model, showing progress; raises DownloadError."""
    from codefuse_lsp.worker import embedded

    with screen.progress("Looking for SmolLM2-135M-Instruct") as report:
        folder = embedded.installed() or embedded.fetch(report)
    screen.err.print(f"SmolLM2-135M-Instruct is in {folder}")
    return 0
