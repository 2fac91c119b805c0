"""The terminal: answers on stdout, progress and remarks on stderr. Knows what a terminal can show."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

WIDE = 10_000  # columns where nobody looks: a file or a program wants each row on one line
QUIET_S = 2.0  # what takes no longer is not worth a line in a log

Report = Callable[[str, float | None], None]


class _Out(Console):
    """Stdout; a reader that has gone ends the program without a word, as `head` expects."""

    def on_broken_pipe(self) -> NoReturn:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise BrokenPipeError


out = _Out(highlight=False)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def mark(ok: bool) -> str:
    """Return a tick or a cross, in letters where the terminal has no such signs."""
    try:
        "✓✗".encode(out.encoding)
    except UnicodeEncodeError:
        return "[green]ok[/green]" if ok else "[red]no[/red]"
    return "[green]✓[/green]" if ok else "[red]✗[/red]"


def table(*columns: str, heads: bool = True) -> Table:
    """Return an empty table that breaks long words over lines and never cuts them off."""
    made = Table(box=None, pad_edge=False, show_header=heads)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def show(made: Table) -> None:
    """Print a table on stdout; into a file or a pipe each row goes on a line of its own, however long."""
    if out.is_terminal:
        out.print(made)
        return
    wide = Console(file=io.StringIO(), width=WIDE, highlight=False)  # rich prints no wider than its console is
    with wide.capture() as captured:
        wide.print(made)
    for line in captured.get().splitlines():
        out.print(line.rstrip(), markup=False, soft_wrap=True)


@contextmanager
def progress(message: str) -> Iterator[Report]:
    """Show how far something is while the block runs; the report takes a message and a fraction, None for unknown."""
    if err.is_terminal and not err.is_dumb_terminal:
        with _bar(message) as report:
            yield report
    else:
        yield _lines(message)


@contextmanager
def _bar(message: str) -> Iterator[Report]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=30), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(message, total=None)

        def report(message: str, fraction: float | None) -> None:
            bar.update(task, description=message, total=None if fraction is None else 1.0, completed=fraction or 0.0)

        yield report


def _lines(message: str) -> Report:
    """Return a report that prints a line when something new goes on, once it has taken a while."""
    begun, told = time.monotonic(), message

    def report(message: str, fraction: float | None) -> None:
        nonlocal told
        if message != told and time.monotonic() - begun >= QUIET_S:
            told = message
            err.print(message, markup=False)

    return report
