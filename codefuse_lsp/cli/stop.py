"""`codefuse-lsp stop`: end the workers that run."""

from __future__ import annotations

import argparse

from codefuse_lsp.cli import screen
from codefuse_lsp.config import Settings
from codefuse_lsp.generation import launcher


def run(options: argparse.Namespace, settings: Settings) -> int:
    """End every worker of this user; raises WorkerError for one that stays."""
    workers = launcher.workers()
    for worker in workers:
        launcher.stop(worker)
        screen.out.print(f"Ended worker {worker['pid']} ({worker['model']}).")
    if not workers:
        screen.out.print("No worker runs.")
    return 0
