"""A user's own actions: `[[actions]]` in a settings file, read into values.

Input: what a settings file holds under `actions`. Output: `OwnAction`s, and a sentence for each that was left out.
Knows nothing of what they do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KEY = "actions"  # in a settings file
ANSWERS = ("show", "replace", "insert", "new_file")
MOST_ACTIONS = 20  # of one file
MAX_NAME_CHARS, MAX_PROMPT_CHARS = 60, 8_000
_FIELDS = {"name", "prompt", "answer", "languages"}


@dataclass(frozen=True, slots=True)
class OwnAction:
    """One action: what is asked, and what becomes of the answer."""

    name: str
    prompt: str  # with {selection}, {language}, {file}, {diagnostics}
    answer: str = "show"  # one of `ANSWERS`
    languages: tuple[str, ...] = ()  # LSP language ids in which it is offered; () is all


def read_actions(given: Any, source: str) -> tuple[tuple[OwnAction, ...], list[str]]:
    """Return the actions that can be used, and a sentence that names `source` for each that cannot."""
    if given is None:
        return (), []
    if not isinstance(given, list):
        return (), [f"{source}: '{KEY}' is not a list of tables ([[{KEY}]]); it was left out."]
    found: dict[str, OwnAction] = {}
    warnings: list[str] = []
    for number, table in enumerate(given[:MOST_ACTIONS], 1):
        try:
            action = _read(table)
            if action.name in found:
                raise ValueError("has the name of another one")
            found[action.name] = action
        except ValueError as error:
            name = table.get("name") if isinstance(table, Mapping) else None
            called = f"'{name[:MAX_NAME_CHARS]}'" if isinstance(name, str) and name else f"number {number}"
            warnings.append(f"{source}: the action {called} {error}; it was left out.")
    if len(given) > MOST_ACTIONS:
        warnings.append(
            f"{source}: there are {len(given)} actions; those after the first {MOST_ACTIONS} were left out."
        )
    return tuple(found.values()), warnings


def _read(table: Any) -> OwnAction:
    """Return one action; raises ValueError whose text goes on the sentence "The action …"."""
    if not isinstance(table, Mapping):
        raise ValueError("is not a table")
    if unknown := set(table) - _FIELDS:
        raise ValueError(f"has a field '{min(map(str, unknown))[:MAX_NAME_CHARS]}', which no action has")
    name = _text(table, "name", MAX_NAME_CHARS)
    if not re.fullmatch(r"[^\x00-\x1f\x7f]+", name):
        raise ValueError("has a name with control characters in it")
    prompt, answer = _text(table, "prompt", MAX_PROMPT_CHARS), table.get("answer", "show")
    if answer not in ANSWERS:
        raise ValueError(f"has answer = {answer!r}, which is not one of {', '.join(ANSWERS)}")
    languages = table.get("languages", [])
    if not isinstance(languages, list) or not all(isinstance(one, str) for one in languages):
        raise ValueError("has languages that are not a list of texts")
    return OwnAction(name, prompt, answer, tuple(languages))


def _text(table: Mapping[str, Any], field: str, longest: int) -> str:
    value = table.get(field)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"has no {field}")
    if len(value) > longest:
        raise ValueError(f"has a {field} of {len(value)} characters, and {longest} are the most")
    return value.strip() if field == "name" else value
