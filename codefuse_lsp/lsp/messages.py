"""A body in, a typed message out, or the error to answer with. Knows no state and no handlers.

What leaves this module towards a log or the wire names fields, types and places in our code, never a value: values are
the user's text.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import attrs
import orjson
from cattrs import AttributeValidationNote, BaseValidationError, Converter, IterableValidationNote
from cattrs.cols import is_sequence, list_structure_factory
from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInternalError, JsonRpcInvalidParams, JsonRpcParseError
from pygls.protocol import default_converter

from codefuse_lsp.errors import CodeFuseError

T = TypeVar("T")
MAX_NAMED_FIELDS = 3
_PRIMITIVES = frozenset({bool, int, float, str, NoneType})
_VALIDATOR_SAYS = re.compile(r"'(\w+)' must |\w+\.(\w+) should be ")  # attrs.validators, lsprotocol.validators


@dataclass(frozen=True, slots=True)
class Shape:
    """What a message type asks of the envelope around its params."""

    is_request: bool
    params_required: bool


@cache
def shape(message_type: Any) -> Shape:
    """Return whether messages of this type carry an id, and whether they can do without params."""
    fields = attrs.fields_dict(message_type)
    return Shape("id" in fields, "params" in fields and fields["params"].default is attrs.NOTHING)


def decode(body: bytes) -> Any:
    """Return the JSON value of a body; raises JsonRpcParseError without quoting it.

    A document of 10 MB is read in half the time that `json` holds everything else up. What orjson refuses and `json`
    does not, such as half a surrogate pair, editors do send.
    """
    with contextlib.suppress(orjson.JSONDecodeError):
        return orjson.loads(body)
    try:
        return json.loads(body.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):  # also bytes that are no UTF-8, and nesting no message needs
        raise JsonRpcParseError("The message is not JSON.") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity are Python's, not JSON's


def structure_params(converter: Converter, data: dict[str, Any], message_type: Any) -> Any:
    """Return the typed params of a message; raises JsonRpcInvalidParams that names the fields which are wrong."""
    if data.get("params") is None and shape(message_type).params_required:
        data = {**data, "params": {}}  # so that what is reported missing is a field the client can find
    message: Any = structure(converter, data, message_type, data["method"])
    return message.params


def structure(converter: Converter, value: Any, kind: type[T], name: str) -> T:
    """Return JSON values as a `kind`; raises JsonRpcInvalidParams that says which fields of `name` are wrong."""
    try:
        return converter.structure(value, kind)
    except Exception as error:
        raise JsonRpcInvalidParams(f"Invalid params for {name}: {_explain(error)}.") from None


def _explain(error: Exception) -> str:
    found = list(dict.fromkeys(_wrong_fields(error, "")))
    return "; ".join(found[:MAX_NAMED_FIELDS]) or "they do not have the expected form"


def _wrong_fields(error: BaseException, path: str) -> Iterator[str]:
    path += "".join(_segment(note) for note in getattr(error, "__notes__", ()))
    if isinstance(error, BaseValidationError):
        for inner in error.exceptions:
            yield from _wrong_fields(inner, path)
    elif path:
        missing = isinstance(error, KeyError)
        yield f"{(path + _validated_field(error)).lstrip('.')} {'is missing' if missing else 'is not valid'}"


def _segment(note: object) -> str:
    if isinstance(note, AttributeValidationNote):
        return f".{camel_case(note.name)}"
    if isinstance(note, IterableValidationNote):
        return f"[{note.index}]" if isinstance(note.index, int) else "[…]"  # a mapping's key may be the user's text
    return ""


def _validated_field(error: BaseException) -> str:
    """Return the field that a validator refused; validators run after cattrs has left its notes."""
    match = _VALIDATOR_SAYS.match(str(next(iter(error.args), "")))
    return f".{camel_case(match[1] or match[2])}" if match else ""


def camel_case(name: str) -> str:
    """Return the name that an attribute has on the wire."""
    first, *others = name.rstrip("_").split("_")
    return first + "".join(other.title() for other in others)


def strict_converter() -> Converter:
    """Return a converter that refuses a primitive of the wrong type, where cattrs would make '5' or 'None' of it."""
    converter: Converter = default_converter()  # type: ignore[no-untyped-call]
    for kind, accept in ((str, _text), (int, _whole), (float, _number), (bool, _truth)):
        converter.register_structure_hook(kind, accept)
    converter.register_structure_hook_func(_is_primitive_union, _one_of)
    converter.register_structure_hook_factory(is_sequence, _strict_sequence)
    return converter


def _text(value: Any, _: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _whole(value: Any, _: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != math.floor(value):
        raise TypeError
    return int(value)  # some clients know only floating point


def _number(value: Any, _: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError
    return float(value)


def _truth(value: Any, _: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _is_primitive_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType) and _PRIMITIVES.issuperset(get_args(kind))


def _one_of(value: Any, kind: Any) -> Any:
    members = get_args(kind)
    if isinstance(value, float) and int in members and float not in members:
        return _whole(value, int)
    if type(value) not in members and not (isinstance(value, int) and type(value) is not bool and float in members):
        raise TypeError
    return value


def _strict_sequence(kind: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    structure_items = list_structure_factory(kind, converter)

    def accept(value: Any, kind: Any) -> Any:
        if not isinstance(value, (list, tuple)):  # a text or an object can be iterated too
            raise TypeError
        return structure_items(value, kind)

    return accept


def response_error(error: BaseException) -> types.ResponseError:
    """Return what the client is told of a failure: a text meant for it, or nothing but 'internal error'."""
    if isinstance(error, CodeFuseError):
        return types.ResponseError(code=types.LSPErrorCodes.RequestFailed, message=str(error))
    if isinstance(error, JsonRpcException) and not isinstance(error, JsonRpcInternalError):
        return error.to_response_error()
    return types.ResponseError(code=types.ErrorCodes.InternalError, message="internal error")


def is_foreseen(error: BaseException) -> bool:
    """Return whether a failure is told to the client in full, so that a log need not hold it."""
    return isinstance(error, (CodeFuseError, JsonRpcException)) and not isinstance(error, JsonRpcInternalError)
