"""How much of the prompts was read before: by the engine's own count, else by what requests told, else by the prompts.

Records of requests and a log of prompts in, counts and shares out. An engine that counts knows what was read of a
prompt that was given up half-way. Without one, a request that is cancelled before its first token
tells no counts, though its prompt may have been read: it is counted as reading all that no earlier prompt begins with,
of those that have told that they were read themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.generation.client import Client
from codefuse_lsp.suggestions import log

CHARS_PER_TOKEN = 3.0  # of code, where no request has told


@dataclass(frozen=True, slots=True)
class Tally:
    """An engine's count of the tokens of prompts: those that it found in its cache, and those that it read."""

    found: int
    read: int

    @classmethod
    async def of(cls, client: Client) -> Tally | None:
        """Return the count of a far end since it was started; None where it does not count."""
        try:
            health = await client.health()
        except CodeFuseError:
            return None
        found, read = health.get("prompt_tokens_found"), health.get("prompt_tokens_read")
        return cls(found, read) if isinstance(found, int) and isinstance(read, int) and found + read else None

    def since(self, earlier: Tally | None) -> Tally:
        """Return what was counted after an earlier count."""
        return Tally(self.found - earlier.found, self.read - earlier.read) if earlier else self

    def percent_found(self, without: float = 0.0) -> float:
        """Return the percentage that was found, where so many of the tokens read are left out."""
        whole = self.found + max(0.0, self.read - without)
        return 100 * self.found / whole if whole else 0.0


@dataclass(frozen=True, slots=True)
class PromptRead:
    """One prompt: its tokens, how many of them had been read before, and whether it was its document's first."""

    tokens: float
    before: float
    is_first: bool


def prompts_of(path: Path, records: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the prompts of the requests to the model that are still in a log, by their ids."""
    asked = [record["id"] for record in records if record["source"] == "model"]
    return {name: said.prompt for name in asked if (said := log.find(path, name)) is not None}


def prompts_read(records: Sequence[Mapping[str, Any]], prompts: Mapping[str, str]) -> list[PromptRead]:
    """Return what each request to the model had to read, in their order."""
    asked = [record for record in records if record["source"] == "model"]
    chars_per_token = _chars_per_token([record for record in asked if record["prompt_tokens"]], prompts)
    files, earlier, found = set[str](), list[str](), list[PromptRead]()
    for record in asked:
        tokens, before = float(record["prompt_tokens"]), float(record["cached_tokens"])
        prompt = prompts.get(record["id"], "")
        if not tokens:
            tokens = len(prompt) / chars_per_token
            before = max((_shared(prompt, other) for other in earlier), default=0) / chars_per_token
        found.append(PromptRead(tokens, before, record["file"] not in files))
        files.add(record["file"])
        if record["prompt_tokens"]:
            earlier.append(prompt)
    return found


def first_reads(records: Sequence[Mapping[str, Any]], prompts: Mapping[str, str]) -> float:
    """Return how many tokens of each document's first prompt no earlier prompt begins with, all together."""
    asked = [record for record in records if record["source"] == "model" and record["id"] in prompts]
    chars_per_token = _chars_per_token([record for record in asked if record["prompt_tokens"]], prompts)
    files, earlier, tokens = set[str](), list[str](), 0.0
    for record in asked:
        prompt = prompts[record["id"]]
        if record["file"] not in files:
            tokens += (len(prompt) - max((_shared(prompt, other) for other in earlier), default=0)) / chars_per_token
        files.add(record["file"])
        earlier.append(prompt)
    return tokens


def percent_before(prompts: Iterable[PromptRead]) -> float:
    """Return the percentage of the tokens of some prompts that were read before; 0 of none."""
    counted = list(prompts)
    whole = sum(prompt.tokens for prompt in counted)
    return 100 * sum(prompt.before for prompt in counted) / whole if whole else 0.0


def _chars_per_token(told: Sequence[Mapping[str, Any]], prompts: Mapping[str, str]) -> float:
    known = [record for record in told if record["id"] in prompts]
    tokens = sum(record["prompt_tokens"] for record in known)
    return sum(len(prompts[record["id"]]) for record in known) / tokens if tokens else CHARS_PER_TOKEN


def _shared(one: str, other: str) -> int:
    length = min(len(one), len(other))
    return next((at for at in range(length) if one[at] != other[at]), length)
