"""Typing through real files: the snippets before the code must stay as they are from one keystroke to the next."""

import statistics
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from codefuse_lsp.context.gather import Gatherer
from codefuse_lsp.context.imports import Imports
from codefuse_lsp.context.neighbours import Neighbours
from codefuse_lsp.context.recent import Recent
from codefuse_lsp.context.scopes import Scopes
from codefuse_lsp.context.signatures import Signatures
from codefuse_lsp.context.snippets import Document, Source
from tests.context.places import cursor_at

STDLIB = Path(sysconfig.get_path("stdlib"))
TYPED = ("textwrap.py", "csv.py", "queue.py")
OPEN = (
    *(
        "argparse.py",
        "ast.py",
        "calendar.py",
        "cmd.py",
        "configparser.py",
        "dataclasses.py",
        "datetime.py",
        "difflib.py",
    ),
    *("doctest.py", "enum.py", "fractions.py", "functools.py", "heapq.py", "inspect.py", "optparse.py", "pdb.py"),
    *("shutil.py", "statistics.py", "string.py", "tarfile.py"),
)
SHARES = {"signatures": 0.25, "imports": 0.1, "scopes": 0.15, "neighbours": 0.4, "recent edits": 0.1}
BUDGET_CHARS = 3_000
STEADY_SHARE = 0.95


@dataclass
class Replay:
    """What a replay showed."""

    keystrokes: int = 0
    unchanged: int = 0
    with_snippets: int = 0
    seconds: list[float] = None  # type: ignore[assignment]


def read(name: str) -> list[str]:
    return (STDLIB / name).read_text("utf-8").splitlines(keepends=True)


def replay(name: str, opened: dict[str, Document], keystrokes: int) -> Replay:
    """Type the middle of a file, a letter at a time, with twenty others open."""
    lines, path = read(name), str(STDLIB / name)
    first = len(lines) // 3
    seen = Replay(seconds=[])
    recent = Recent("recent edits", opened.get)
    recent.touched(str(STDLIB / OPEN[3]), 50, 60, 0.0)
    sources: list[Source] = [
        Signatures([STDLIB], lambda path: True),
        Imports(),
        Scopes(),
        Neighbours(lambda cursor, deadline: [*opened.values(), cursor.document]),
        recent,
    ]
    gatherer, head = Gatherer(), None
    for line in range(first, len(lines)):
        for column in range(1, len(lines[line])):
            if seen.keystrokes == keystrokes:
                gatherer.close()
                return seen
            text = [*lines[:line], lines[line][:column] + "\n", *lines[line + 1 :]]
            text = [*text[: line + 1], *lines[line + 40 :]]  # what is still to be typed is not there
            document = Document(path, "python", seen.keystrokes, text)
            cursor = cursor_at(document, line, column, budget_chars=3_000)
            recent.touched(path, line, line + 1, float(seen.keystrokes))
            started = time.perf_counter()
            snippets = gatherer.gather(cursor, sources, budget_chars=BUDGET_CHARS, shares=SHARES, deadline_s=60)
            seen.seconds.append(time.perf_counter() - started)
            now = "".join(snippet.text for snippet in snippets)
            seen.unchanged += now == head or head is None
            seen.with_snippets += bool(snippets)
            seen.keystrokes += 1
            head = now
    gatherer.close()
    return seen


@pytest.mark.parametrize("name", TYPED)
def test_the_head_of_the_prompt_stays_while_a_file_is_typed(name: str, record_property) -> None:  # type: ignore[no-untyped-def]
    opened = {str(STDLIB / name): Document(str(STDLIB / name), "python", 1, read(name)) for name in OPEN}
    seen = replay(name, opened, keystrokes=400)
    share = seen.unchanged / seen.keystrokes
    cuts = statistics.quantiles(seen.seconds, n=100)
    record_property("unchanged_share", share)
    record_property("p50_ms", cuts[49] * 1e3)
    record_property("p99_ms", cuts[98] * 1e3)
    print(
        f"{name}: {share:.1%} unchanged of {seen.keystrokes}, p50 {cuts[49] * 1e3:.1f} ms, p99 {cuts[98] * 1e3:.1f} ms"
    )
    assert seen.with_snippets / seen.keystrokes > 0.9
    assert share >= STEADY_SHARE
