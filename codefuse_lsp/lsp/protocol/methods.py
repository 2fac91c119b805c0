"""What makes a method of ours: its name, its params and its result, in the envelopes of JSON-RPC.

Field names are snake_case here and camelCase on the wire. Result fields have no default, since a field at its default
is not sent.
"""

from __future__ import annotations

from typing import Any, get_args

import attrs

Id = int | str
_ID: Any = Id  # attrs takes a union for a type, its hints do not
MessageTypes = tuple[type, type | None]


def request(method: str, params: Any, result: Any) -> dict[str, MessageTypes]:
    """Return the entry of a request; `params` is a union with None where they can be left out."""
    return {method: (_message(method, params, id=attrs.field(type=_ID)), _response(method, result))}


def notification(method: str, params: Any) -> dict[str, MessageTypes]:
    """Return the entry of a notification of the client's."""
    return {method: (_message(method, params), None)}


def _message(method: str, params: Any, **envelope: Any) -> type:
    can_lack = params is Any or type(None) in get_args(params)
    given = attrs.field(type=params, default=None) if can_lack else attrs.field(type=params)
    rest = {"method": attrs.field(type=str, default=method), "jsonrpc": attrs.field(type=str, default="2.0")}
    return attrs.make_class(f"{_class_name(method)}Message", {**envelope, "params": given, **rest})


def _response(method: str, result: Any) -> type:
    fields = {
        "id": attrs.field(type=_ID | None),
        "result": attrs.field(type=result | None, default=None),
        "jsonrpc": attrs.field(type=str, default="2.0"),
    }
    return attrs.make_class(f"{_class_name(method)}Response", fields)


def _class_name(method: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in method.split("/"))
