"""Completions asked for byte by byte, so that a request can be cut anywhere, or be wrong in any field.

Bodies in, a status and the answer's bytes out; one connection each. Knows HTTP and the shape of the event stream.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from typing import Any
from urllib.parse import urlsplit

from codefuse_lsp.generation.client import Address

BAD: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("prompt", (None, 5, {}, [1, "x"])),
    ("max_tokens", (-1, 0, "many", 1.5, 10**12)),
    ("temperature", (-1, "warm", 1e9, [])),
    ("top_p", (0, 2, "all", {})),
    ("stop", (5, {"a": 1}, [7])),
    ("seed", ("x", 2**70)),
    ("logprobs", (-3, 99, "yes")),
    ("priority", ("first", 99, -1)),
    ("stream", ("maybe", 7, [])),
    ("stream_options", (5, "all")),
    ("model", ("another", 5)),
)


def bad_body(body: dict[str, Any], chance: random.Random) -> tuple[str, dict[str, Any]]:
    """Return the name of a field, and `body` with a value in it that the worker must refuse."""
    name, values = chance.choice(BAD)
    return name, body | {name: chance.choice(values)}


def request_bytes(address: Address, body: dict[str, Any]) -> bytes:
    """Return the whole HTTP request of a completion."""
    raw = json.dumps(body).encode()
    key = f"authorization: Bearer {address.key}\r\n" if address.key else ""
    host = "localhost" if address.socket else urlsplit(address.url).netloc
    head = f"POST /v1/completions HTTP/1.1\r\nhost: {host}\r\n{key}content-type: application/json\r\n"
    return f"{head}connection: close\r\ncontent-length: {len(raw)}\r\n\r\n".encode() + raw


async def connect(address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection; raises OSError when nobody listens."""
    if address.socket:
        return await asyncio.open_unix_connection(str(address.socket))
    parts = urlsplit(address.url)
    return await asyncio.open_connection(parts.hostname, parts.port or 80)


async def exchange(address: Address, body: dict[str, Any]) -> tuple[int, str]:
    """Send one request and return the status and all that came, chunk sizes between; raises OSError."""
    reader, writer = await connect(address)
    try:
        writer.write(request_bytes(address, body))
        await writer.drain()
        head, _, answer = (await reader.read(-1)).decode("utf-8", "replace").partition("\r\n\r\n")
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    words = head.split(" ", 2)
    return (int(words[1]) if len(words) > 1 and words[1].isdigit() else 0), answer


def ends_of(stream: str) -> int:
    """Return in how many ways an event stream ended: by a finish reason and a [DONE], by an error, or by neither."""
    lines = [line[6:] for line in stream.splitlines() if line.startswith("data: ")]
    events = [json.loads(line) for line in lines if line != "[DONE]"]
    errors = sum("error" in event for event in events)
    finished = sum(bool(choice.get("finish_reason")) for event in events for choice in event.get("choices", ()))
    return errors + (finished if lines.count("[DONE]") == 1 or errors else 0)
