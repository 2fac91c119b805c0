"""Values laid over settings: each in its setting's type and range, and from a workspace only what one may set.

A bad value never stops anything: it is left out with a sentence that names it. Knows nothing of where values come from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from codefuse_lsp.config.own_actions import KEY
from codefuse_lsp.config.settings import Scope, Settings, Spec, spec

_FIELDS = {f.name: f for f in fields(Settings)}


def apply(
    settings: Settings, values: Mapping[str, Any], source: str, *, workspace: bool = False
) -> tuple[Settings, list[str]]:
    """Lay `values` over `settings`; return the result and a sentence for each value that was left out.

    `source` names where the values come from, for the sentences. With `workspace`, machine-scoped settings are refused,
    and what keeps code private is only added to.
    """
    accepted: dict[str, Any] = {}
    warnings: list[str] = []
    for key, value in values.items():
        name = snake_case(key)
        if name == KEY:
            continue  # they are no setting, and are read by themselves
        if name not in _FIELDS:
            warnings.append(f"{source}: there is no setting '{key}'.")
        elif workspace and spec(name).scope is Scope.MACHINE:
            warnings.append(f"{source}: '{name}' can only be set by the user, not by a workspace; it was left out.")
        else:
            try:
                found = _coerce(name, value)
                accepted[name] = _allowed(name, found, getattr(settings, name)) if workspace else found
            except ValueError as error:
                warnings.append(f"{source}: {name} = {value!r} {error}; keeping {getattr(settings, name)!r}.")
    return replace(settings, **accepted), warnings


def snake_case(name: str) -> str:
    """Return `contextLength` as `context_length`; snake case comes back as it is."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def _coerce(name: str, value: Any) -> Any:
    """Return `value` in the type of the setting; raises ValueError whose text says what is allowed."""
    default, limits = _FIELDS[name].default, spec(name)
    if isinstance(default, bool):
        return _bool(value)
    if isinstance(default, tuple):
        return _strings(value)
    if isinstance(default, (int, float)):
        return _number(value, type(default), limits)
    if not isinstance(value, str):
        raise ValueError("is not text")
    if limits.choices and value not in limits.choices:
        raise ValueError(f"is not one of {', '.join(limits.choices)}")
    return value


def _allowed(name: str, value: Any, current: Any) -> Any:
    """Return what a workspace may make of a setting; raises ValueError for a number that is too much for one.

    It adds to lists, before the user's own entries, the last of which decides; what is off stays off.
    """
    if isinstance(value, tuple):
        return (*(entry for entry in value if entry not in current), *current)
    if isinstance(value, bool):
        return value and current
    if (high := spec(name).workspace_high) is not None and value > high:
        raise ValueError(f"is more than the {high} that a workspace may ask for")
    return value


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = dict.fromkeys(("1", "true", "on", "yes"), True) | dict.fromkeys(("0", "false", "off", "no"), False)
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    raise ValueError("is neither true nor false")


def _strings(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise ValueError("is not a list of texts")


def _number(value: Any, kind: type, limits: Spec) -> Any:
    try:
        if isinstance(value, bool):
            raise TypeError
        number = kind(value)
        whole = kind is float or number == float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("is not a number") from None
    inside = whole and (limits.low is None or number >= limits.low) and (limits.high is None or number <= limits.high)
    if not inside:
        raise ValueError(f"is not {'a whole number' if kind is int else 'a number'} from {limits.low} to {limits.high}")
    return number
