"""The command line. Reads arguments and settings, and hands over to the room that does the work.

Without a command it is the language server on stdin and stdout, which is what editors start.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from codefuse_lsp import __version__, config
from codefuse_lsp.config import Settings
from codefuse_lsp.errors import CodeFuseError

DESCRIPTION = """\
A code assistant for any editor, from a model on your own machine.
Without a command: the language server on stdin and stdout."""

EXAMPLES = """\
first steps:
  codefuse-lsp demo                      see it work, in this terminal
  codefuse-lsp doctor                    what is here, what is missing, what mends it
  codefuse-lsp complete app.py:12:8      the ghost text an editor would show there
  codefuse-lsp chat "why is this slow?" --file app.py

Settings come from the user's file, then CODEFUSE_LSP_* variables, then --set NAME=VALUE;
`codefuse-lsp doctor --settings` lists them all."""

Command = Callable[[argparse.Namespace, Settings], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0 done, 1 the thing failed, 2 the arguments are wrong."""
    options = _parser().parse_args(arguments)
    settings, warnings = config.load(cli=_overrides(options))
    if options.command is not None:  # an editor gets these from the language server itself
        for warning in warnings:
            _say(f"warning: {warning}")
    try:
        return _COMMANDS[options.command](options, settings)
    except CodeFuseError as error:
        _say(f"codefuse-lsp: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 141  # whoever read our output has gone


def _overrides(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings given on the command line."""
    pairs = dict(pair for pair in options.set)
    return pairs | ({"model": options.model} if getattr(options, "model", None) else {})


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)  # noqa: T201 - the terminal is this command's user interface


def _language_server(options: argparse.Namespace, settings: Settings) -> int:
    from codefuse_lsp.lsp.features import run

    run(settings)


def _serve(options: argparse.Namespace, settings: Settings) -> int:
    from codefuse_lsp.prompts.formats import format_for
    from codefuse_lsp.worker import serve

    keys = serve.read_keys(options.api_key_file) if options.api_key_file else ()
    listen = serve.Listen(options.socket, options.host, options.port, keys, options.announce)
    serve.run(settings, listen, format_for)
    return 0


def _lazy(module: str) -> Command:
    """Return the command in `codefuse_lsp.cli.<module>`, imported when it is called: every command starts fast."""

    def command(options: argparse.Namespace, settings: Settings) -> int:
        from importlib import import_module

        result: int = import_module(f"codefuse_lsp.cli.{module}").run(options, settings)
        return result

    return command


_COMMANDS: dict[str | None, Command] = {
    None: _language_server,
    "serve": _serve,
    **{
        name: _lazy(name)
        for name in ("demo", "complete", "chat", "why", "doctor", "status", "stop", "bench", "download")
    },
}


def _parser() -> argparse.ArgumentParser:
    common = _common_arguments()
    parser = argparse.ArgumentParser(
        "codefuse-lsp",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        parents=[common],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("--stdio", action="store_true", help="speak on stdin and stdout (the default; editors add it)")
    commands = parser.add_subparsers(dest="command", title="commands", metavar="COMMAND")

    def add(name: str, help: str, description: str = "") -> argparse.ArgumentParser:
        text = f"{help[0].upper()}{help[1:]}.\n{description}"
        return commands.add_parser(
            name, help=help, description=text, parents=[common], formatter_class=argparse.RawDescriptionHelpFormatter
        )

    _add_using(add)
    _add_keeping(add)
    return parser


def _common_arguments() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--set",
        action="append",
        default=[],
        type=_pair,
        metavar="NAME=VALUE",
        help="set a setting for this run; may be given more than once",
    )
    return common


def _add_using(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the commands that ask the model for something."""
    add(
        "demo",
        "see ghost text, an explanation, tests and a chat, live, in this terminal",
        "Starts the real language server and the real model, and does what an editor would do.\n"
        "Fetches the embedded model first where it is missing.",
    )

    complete = add("complete", "print the ghost text for a place in a file", "Lines and columns count from 1.")
    complete.add_argument("place", type=_place, metavar="PATH:LINE:COLUMN")
    complete.add_argument("--json", action="store_true", help="print one JSON object")

    chat = add("chat", "ask a question and read the answer as it is written")
    chat.add_argument("question")
    chat.add_argument("--file", type=Path, action="append", default=[], help="a file that the question is about")

    why = add("why", "tell what became of the last requests for ghost text")
    why.add_argument("--count", type=int, default=10, help="how many (default: 10)")
    why.add_argument("--json", action="store_true", help="print one JSON array")


def _add_keeping(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the commands that look after the model and its worker."""
    doctor = add("doctor", "look at everything that must be right, and say what mends what is not")
    doctor.add_argument("--json", action="store_true", help="print one JSON object")
    doctor.add_argument("--settings", action="store_true", help="list every setting with its value and meaning")

    download = add("download", "fetch the embedded model; the only command that fetches anything")
    download.add_argument("name", choices=["smollm2"])

    serve = add(
        "serve",
        "hold the model and answer the OpenAI completions API",
        "On loopback it needs no keys; for others it needs --api-key-file.",
    )
    serve.add_argument("--model", help="a checkpoint's folder, or smollm2")
    serve.add_argument("--socket", type=Path, help="listen on this Unix socket, for you alone")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    serve.add_argument("--port", type=int, default=8000, help="port to listen on (default: 8000; 0 takes a free one)")
    serve.add_argument("--api-key-file", type=Path, metavar="FILE", help="file with one API key a line")
    serve.add_argument("--announce", type=Path, help=argparse.SUPPRESS)

    status = add("status", "show the workers that run")
    status.add_argument("--json", action="store_true", help="print one JSON array")
    add("stop", "end the workers that run")

    bench = add("bench", "measure the language server: start, memory, typing, overhead")
    bench.add_argument("--json", action="store_true", help="print one JSON object")
    bench.add_argument("--repeat", type=int, default=5, help="runs of each measure; medians are told (default: 5)")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or config.snake_case(name) not in config.names():
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE with the name of a setting")
    return config.snake_case(name), value


def _place(text: str) -> tuple[Path, int, int]:
    path, *numbers = text.rsplit(":", 2)
    try:
        line, column = (int(number) for number in numbers)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not PATH:LINE:COLUMN") from None
    if line < 1 or column < 1:
        raise argparse.ArgumentTypeError("lines and columns count from 1")
    return Path(path), line, column


if __name__ == "__main__":
    sys.exit(main())
