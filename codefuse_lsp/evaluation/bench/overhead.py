"""What a request for ghost text costs beside the model: typing in the middle of a long file, many others open.

The far end answers at once. What it takes all the same, and the wait for the next keystroke, is no part of the figures;
everything else is, from the editor's writing of the request to its reading of the answer. Times in milliseconds.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from codefuse_lsp.evaluation.bench import library
from codefuse_lsp.evaluation.bench.figure import Figure, figure
from codefuse_lsp.evaluation.editor import Editor, inline_params, until_ready
from codefuse_lsp.evaluation.far_end import ScriptedFarEnd
from codefuse_lsp.evaluation.figures import percentile

LINES = 5_000
ROUND = 100  # requests
WARM_UP = 20
ANSWER = "value_of(self, other)"
TYPED = "result = self._rescale(other, context) + sum(value for value in values)"


@dataclass(frozen=True, slots=True)
class Spent:
    """Where one request's time went."""

    looking: float  # round the cursor: the tree, other code, secrets
    http: float  # to the far end and back, without its own time
    fitting: float  # through the filters, and the parse before it is shown
    rest: float  # LSP, the documents' snapshots, the prompt, and waiting for a turn

    @property
    def all(self) -> float:
        """The whole."""
        return self.looking + self.http + self.fitting + self.rest


async def measure(root: Path, repeat: int) -> list[Figure]:
    """Return the figures of `repeat` rounds, each of as many keystrokes."""
    async with ScriptedFarEnd(ANSWER) as far_end:
        editor = await Editor.start(root, {"endpoint": far_end.endpoint, "completionAhead": "off"})
        server = psutil.Process(editor.process.pid)
        await until_ready(editor)
        typist = _Typist(editor, far_end, *_open_all(editor, root))
        for _ in range(WARM_UP):
            await typist.press()
        rounds, cpu_ms = [], []
        for _ in range(repeat):
            begun = sum(server.cpu_times()[:2])
            rounds.append([await typist.press() for _ in range(ROUND)])
            cpu_ms.append(1e3 * (sum(server.cpu_times()[:2]) - begun) / ROUND)
        await editor.close()
    return [*_figures(rounds), figure("CPU time of the server for a keystroke, mean", "ms", cpu_ms, "any")]


def _figures(rounds: list[list[Spent]]) -> list[Figure]:
    def one(name: str, percent: int, part: str, target: str) -> Figure:
        values = [percentile([getattr(spent, part) for spent in spents], percent) or 0.0 for spents in rounds]
        return figure(f"{name}, p{percent}", "ms", values, target)

    parts = [
        ("round the cursor", "looking"),
        ("HTTP", "http"),
        ("filters and parse", "fitting"),
        ("LSP, snapshots, prompt", "rest"),
    ]
    whole = "a request without the model, 5,000 lines, 20 open"
    return [
        one(whole, 50, "all", "< 5"),
        one(whole, 99, "all", "< 25"),
        *(one(f"of it {name}", percent, part, "any") for name, part in parts for percent in (50, 99)),
    ]


class _Typist:
    """Types one line after another into the middle of a document, and asks after each key."""

    def __init__(self, editor: Editor, far_end: ScriptedFarEnd, uri: str, line: int, indent: str) -> None:
        self._editor, self._far_end, self._uri = editor, far_end, uri
        self._version, self._line, self._column, self._indent = 1, line, 0, indent
        self._typed = 0

    async def press(self) -> Spent:
        """Type the next character and return where the time of its request went."""
        while True:
            self._insert(TYPED[self._typed] if self._typed else f"\n{self._indent}{TYPED[0]}")
            self._typed = (self._typed + 1) % len(TYPED)
            if (found := await self._ask()) is not None:
                return found

    async def _ask(self) -> Spent | None:
        """Ask for ghost text; None where the model was not asked."""
        self._far_end.took_s.clear()
        begun = time.perf_counter()
        await self._editor.request("textDocument/inlineCompletion", inline_params(self._uri, self._line, self._column))
        took_ms = 1e3 * (time.perf_counter() - begun)
        (record,) = await self._editor.request("codefuse/whyNoSuggestion", {"count": 1})
        return _spent(record, took_ms, 1e3 * sum(self._far_end.took_s)) if self._far_end.took_s else None

    def _insert(self, text: str) -> None:
        self._version += 1
        self._editor.insert(self._uri, self._version, self._line, self._column, text)
        self._line += text.count("\n")
        self._column = len(text.rpartition("\n")[2]) + (0 if "\n" in text else self._column)


def _spent(record: dict[str, Any], took_ms: float, far_end_ms: float) -> Spent:
    looking, model, fitting = record["lookedMs"], record["modelMs"], record["fittedMs"]
    return Spent(looking, model - far_end_ms, fitting, took_ms - record["waitedMs"] - looking - model - fitting)


def _open_all(editor: Editor, root: Path) -> tuple[str, int, str]:
    """Put the files where an editor finds them, and open them; return the long one's uri and `_place`."""
    texts = {f"{name.replace('/', '_')}.py": library.source(name) for name in library.MODULES}
    texts["long.py"] = library.long_source(LINES)
    for name, text in texts.items():
        (root / name).write_text(text, "utf-8")
        editor.open((root / name).as_uri(), "python", text)
    return (root / "long.py").as_uri(), *_place(texts["long.py"].splitlines())


def _place(lines: list[str]) -> tuple[int, str]:
    """Return a line near the middle, empty and behind a function's end, and the function's indentation."""
    line = next(n for n in range(LINES // 2, len(lines)) if not lines[n] and lines[n - 1][:1] == " ")
    above = lines[line - 1]
    return line, above[: len(above) - len(above.lstrip())]
