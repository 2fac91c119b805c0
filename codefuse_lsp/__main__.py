"""The command line. Reads arguments and settings, and hands over to the room that does the work.

Without a command it is the language server on stdin and stdout, which is what editors start.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import traceback
from collections.abc import Callable, Sequence

from codefuse_lsp import config
from codefuse_lsp.cli import arguments
from codefuse_lsp.config import Settings
from codefuse_lsp.errors import CodeFuseError, WorkerUnreachable

INTERRUPTED = 130  # what a shell makes of SIGINT
NO_READER = 141  # and of SIGPIPE

Command = Callable[[argparse.Namespace, Settings], int]


def main(given: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0 done, 1 the thing failed, 2 the arguments are wrong."""
    options = arguments.parser().parse_args(given)
    settings, options.warnings = config.load(cli=arguments.overrides(options))
    if options.command is not None:
        _write_what_can_be_written()
    if options.command not in (None, "doctor"):  # these two tell them in their own way
        for warning in options.warnings:
            _say(f"warning: {warning}")
    try:
        return _COMMANDS[options.command](options, settings)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return NO_READER  # whoever read our output has gone
    except Exception as error:
        _say(f"codefuse-lsp: {_sentence(error, settings)}")
        return 1


def _sentence(error: Exception, settings: Settings) -> str:
    """Return what happened and what to do; a traceback goes into a file, never onto the screen."""
    if isinstance(error, WorkerUnreachable):
        hint = "Check the setting endpoint." if settings.endpoint else "Try again; the worker is started anew."
        return f"{error} {hint}"
    if isinstance(error, CodeFuseError):
        return str(error)
    if isinstance(error, OSError):
        what = error.filename or "The output"
        if not error.filename:
            _forget_output()
        return f"{what} cannot be read or written ({error.strerror or error})."
    return f"This should not have happened ({type(error).__name__}: {error}). {_keep_traceback(error)}"


def _keep_traceback(error: Exception) -> str:
    path = config.cache_dir() / "logs" / "error.log"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text("".join(traceback.format_tb(error.__traceback__)), "utf-8")  # places, never texts
    except OSError:
        return "Please report it."
    return f"Please report it, with what is in {path}."


def _forget_output() -> None:
    """Let go of what could not be written, or Python would try it again at the very end, and complain."""
    with contextlib.suppress(OSError, ValueError, io.UnsupportedOperation):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _write_what_can_be_written() -> None:
    """Put a question mark where the terminal's encoding lacks a character, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _say(sentence: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        print(sentence, file=sys.stderr, flush=True)  # noqa: T201 - the terminal is this command's user interface


def _language_server(options: argparse.Namespace, settings: Settings) -> int:
    from codefuse_lsp.lsp.features import run

    if sys.stdin is not None and sys.stdin.isatty():
        _say("This is the language server, for an editor to start; it waits for messages here (Ctrl-C ends it).\n"
             "See `codefuse-lsp demo` and `codefuse-lsp --help`.")  # fmt: skip
    run(settings)


def _lazy(module: str) -> Command:
    """Return the command in `codefuse_lsp.cli.<module>`, imported when it is called: every command starts fast."""

    def command(options: argparse.Namespace, settings: Settings) -> int:
        from importlib import import_module

        result: int = import_module(f"codefuse_lsp.cli.{module}").run(options, settings)
        return result

    return command


_COMMANDS: dict[str | None, Command] = {
    None: _language_server,
    **{
        name: _lazy(name)
        for name in ("serve", "demo", "complete", "chat", "why", "doctor", "status", "stop", "bench", "download")
    },
    "eval": _lazy("evaluate"),
}


if __name__ == "__main__":
    sys.exit(main())
