"""How much of the prompts was read before: by what the far end told, and where it told nothing, by the prompts.

Records of requests and a log of prompts in, a share out. A request that is cancelled before its first token tells no
counts, though its prompt may have been read: it is counted as reading all that no earlier prompt begins with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from codefuse_lsp.suggestions import log

CHARS_PER_TOKEN = 3.0  # of code, where no request has told


def prompts_of(path: Path, records: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the prompts of the requests to the model that are still in a log, by their ids."""
    asked = [record["id"] for record in records if record["source"] == "model"]
    return {name: said.prompt for name in asked if (said := log.find(path, name)) is not None}


def read_before(records: Sequence[Mapping[str, Any]], prompts: Mapping[str, str]) -> float:
    """Return the percentage of the prompt tokens of all requests to the model that were not read anew."""
    asked = [record for record in records if record["source"] == "model"]
    told = [record for record in asked if record["prompt_tokens"]]
    tokens = sum(record["prompt_tokens"] for record in told if record["id"] in prompts)
    chars = sum(len(prompts[record["id"]]) for record in told if record["id"] in prompts)
    per_token = chars / tokens if tokens else CHARS_PER_TOKEN
    whole = sum(record["prompt_tokens"] for record in told)
    before = sum(record["cached_tokens"] for record in told)
    earlier: list[str] = []
    for record in asked:
        prompt = prompts.get(record["id"], "")
        if not record["prompt_tokens"]:
            whole += len(prompt) / per_token
            before += max((_shared(prompt, other) for other in earlier), default=0) / per_token
        earlier.append(prompt)
    return 100 * before / whole if whole else 0.0


def _shared(one: str, other: str) -> int:
    length = min(len(one), len(other))
    return next((at for at in range(length) if one[at] != other[at]), length)
