"""Documents that nobody wrote by hand, and how long a server is kept from other work by them.

Each is a text, its language and a place to ask about, as an editor would. Times in milliseconds.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codefuse_lsp.evaluation.bench.figure import Figure, figure
from codefuse_lsp.evaluation.editor import Editor, inline_params, until_ready
from codefuse_lsp.evaluation.far_end import ScriptedFarEnd

LONG_LINE_CHARS = 10 << 20
DEEP = 300
_HEBREW, _GRIN, _FAMILY = "\u05e9\u05dc\u05d5\u05dd", "\U0001f600", "\U0001f469\u200d\U0001f467"
SCRIPTS = f"{_HEBREW} = '{_FAMILY} \u202e{_GRIN}'\nprint('{_GRIN}{_GRIN}', {_HEBREW}, \n"
PLAIN = "def area(width, height):\n    return width\n"


@dataclass(frozen=True, slots=True)
class BadDocument:
    """A document with a place in it; `character` counts UTF-16 units."""

    language: str
    text: str
    line: int
    character: int


def _binary() -> BadDocument:
    chance = random.Random(0)
    text = bytes(chance.randrange(256) for _ in range(200_000)).decode("latin-1")
    return BadDocument("python", text, 3, 1)


def _tangle() -> BadDocument:
    """Return code in which every line opens what none closes, over which a parser despairs."""
    text = "".join(f"{'([{'[n % 3]} x{n} = `${{ <a b='{n}' \"\n" for n in range(20_000))
    return BadDocument("typescript", text, 10_000, 3)


CASES: dict[str, Callable[[], BadDocument]] = {
    "a binary file": _binary,
    "a line of 10 MB": lambda: BadDocument("javascript", "var a=[" + "1234567," * (LONG_LINE_CHARS // 8), 0, 5_000_000),
    "a line of 10 MB of JSON": lambda: BadDocument(
        "json", '{"a":[' + '{"b":1},' * (LONG_LINE_CHARS // 8), 0, LONG_LINE_CHARS - 100
    ),
    "mixed line ends": lambda: BadDocument("python", "def f():\r\n    x = 1\r    y = 2\n\r\n    return \r", 4, 11),
    "tabs and spaces": lambda: BadDocument("python", "def f():\n\tx = 1\n        y = 2\n\t    z = \n" * 50, 99, 9),
    "right to left and emoji": lambda: BadDocument("python", SCRIPTS * 50, 1, 19),
    "inside a surrogate pair": lambda: BadDocument("python", "x = '😀😀'\ny = x\n", 0, 6),
    "lone surrogates": lambda: BadDocument("python", "x = '\ud83d'\ny = '\ude00\nz = \n", 2, 4),
    "unterminated strings": lambda: BadDocument("python", "x = '''\n" + 'y = "abc\n' * 2_000 + "z = \n", 2_001, 4),
    "a grammar that takes too long": _tangle,
    "300 brackets deep": lambda: BadDocument("python", "x = " + "([{" * 100 + "\n" + "y = 1\n", 0, 4 + DEEP),
    "300 blocks of YAML deep": lambda: BadDocument(
        "yaml", "".join(f"{' ' * n}a:\n" for n in range(DEEP)) + " " * DEEP + "b: \n", DEEP, DEEP + 3
    ),
    "300 indicators of YAML on a line": lambda: BadDocument("yaml", "- " * DEEP + "a\n", 0, 2 * DEEP + 1),
    "a place outside the document": lambda: BadDocument("python", PLAIN, 4_000_000, 2_000_000_000),
    "nothing at all": lambda: BadDocument("python", "", 7, 7),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a bad document did to its neighbours: the longest that each waited, in milliseconds."""

    status: float  # a request that costs nothing
    elsewhere: float  # ghost text in another document
    answer: Any  # to the request about the document itself


async def measure(root: Path) -> list[Figure]:
    """Return the longest that other requests waited, over all documents."""
    async with ScriptedFarEnd(" * height") as far_end:
        editor = await Editor.start(root, {"endpoint": far_end.endpoint, "completionAhead": "off"})
        await until_ready(editor)
        found = {}
        for number, (name, make) in enumerate(CASES.items()):
            found[name] = await neighbours(editor, root, make(), number)
        await editor.close()
    return [
        _longest("stall of other requests on bad input", {name: seen.status for name, seen in found.items()}, "≤ 100"),
        _longest("ghost text elsewhere meanwhile", {name: seen.elsewhere for name, seen in found.items()}, "any"),
    ]


async def neighbours(editor: Editor, root: Path, bad: BadDocument, number: int) -> Seen:
    """Open a bad document and a plain one, ask about both, and ask for the status again and again meanwhile.

    The first status waits until the document has been read.
    """
    plain, uri = (root / f"plain{number}.py").as_uri(), (root / f"bad{number}").as_uri()
    editor.open(plain, "python", PLAIN)
    editor.open(uri, bad.language, bad.text)
    longest = await _waited_ms(editor.ask("codefuse/status", None)[1])
    _, answer = _ask(editor, uri, bad.line, bad.character)
    elsewhere = asyncio.create_task(_waited_ms(_ask(editor, plain, 1, 16)[1]))
    while not (answer.done() and elsewhere.done()):
        longest = max(longest, await _waited_ms(editor.ask("codefuse/status", None)[1]))
    editor.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    return Seen(longest, await elsewhere, answer.result())


async def _waited_ms(answer: asyncio.Future[Any]) -> float:
    begun = time.perf_counter()
    await answer
    return 1e3 * (time.perf_counter() - begun)


def _ask(editor: Editor, uri: str, line: int, character: int) -> tuple[int, asyncio.Future[Any]]:
    return editor.ask("textDocument/inlineCompletion", inline_params(uri, line, character))


def _longest(name: str, by_case: dict[str, float], target: str) -> Figure:
    worst = max(by_case, key=by_case.__getitem__)
    return figure(f"{name} (worst: {worst})", "ms", [by_case[worst]], target)
