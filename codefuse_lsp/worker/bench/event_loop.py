"""How late the HTTP app's event loop wakes while the engine generates: a ticker in it, beside a real client.

The client is a process of its own, so that what it does is not counted. Lateness is a matter of wall time; idle and
busy seconds alternate, so that a neighbour's load falls on both.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator

from codefuse_lsp.config import Settings
from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.worker.bench.measure import Figure, Row, better, figure, percentile
from codefuse_lsp.worker.bench.stand import Stand

HEAD = ("engine", "event loop of the HTTP app, a 2 ms tick's lateness, p99", "the same loop, idle", "ms")
TICK_S = 0.002
MOST = 1.5  # times as late as idle

CLIENT = """
import http.client, json, sys
body = {"prompt": sys.argv[2], "max_tokens": 256, "temperature": 0, "ignore_eos": True, "stream": True}
while True:
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
    connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    assert response.status == 200
    for line in response:
        assert b'"error"' not in line
"""


def event_loop(stand: Stand) -> list[Row]:
    """Return the row of the app's event loop."""
    try:
        import uvicorn  # noqa: F401

        from codefuse_lsp.worker import app  # noqa: F401
    except ImportError as error:
        return [Row(*HEAD, "wall time", status="skipped", note=f"{error.name} is not installed")]
    idle, busy = asyncio.run(_measure(stand))
    later = busy.median / max(1e-6, idle.median)
    return [
        Row(
            *HEAD, "wall time", busy, idle, better(busy.median, idle.median, "ms"),
            target=f"≤ {MOST:g} times idle", bound=MOST, bound_of="lateness", met=later <= MOST,
            note=f"{later:.2f} times as late",
        )
    ]  # fmt: skip


async def _measure(stand: Stand) -> tuple[Figure, Figure]:
    """Return the lateness of idle and of busy seconds, in ms."""
    lateness: dict[bool, list[float]] = {False: [], True: []}
    async with _serving(stand) as port:
        await _late_ms(0.5)  # to warm up
        for number in range(stand.plan.repeat):
            stand.report("Watching the event loop", number / stand.plan.repeat)
            lateness[False].append(await _late_ms(stand.sizes.loop_s))
            async with _asking(stand, port):
                lateness[True].append(await _late_ms(stand.sizes.loop_s))
            await stand.ours.until_idle()
    return figure(lateness[False]), figure(lateness[True])


async def _late_ms(seconds: float) -> float:
    """Return the 99th percentile of how late a tick came."""
    loop = asyncio.get_running_loop()
    ends, late = loop.time() + seconds, []
    while (begun := loop.time()) < ends:
        await asyncio.sleep(TICK_S)
        late.append(1e3 * (loop.time() - begun - TICK_S))
    return percentile(late, 0.99)


@contextlib.asynccontextmanager
async def _serving(stand: Stand) -> AsyncIterator[int]:
    """Serve our engine with the real app in this event loop; gives the port."""
    import uvicorn

    from codefuse_lsp.worker.app import Worker, build_app
    from codefuse_lsp.worker.guard import tcp_rules
    from codefuse_lsp.worker.users import KeyRing

    worker = Worker(Settings(), lambda name, template: "plain", status="ready", message="Ready")
    worker.engine = stand.ours.engine
    worker.settled.set()
    config = uvicorn.Config(
        build_app(worker, tcp_rules("127.0.0.1", KeyRing())), lifespan="off", access_log=False, log_level="error"
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.ensure_future(server._serve([listener]))  # without its handling of signals
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = server.force_exit = True
            await serving


@contextlib.asynccontextmanager
async def _asking(stand: Stand, port: int) -> AsyncIterator[None]:
    """Have a client ask for one answer after another; begins once the engine generates."""
    words = [sys.executable, "-c", CLIENT, str(port), stand.material.prompt(100)]
    client = await asyncio.create_subprocess_exec(
        *words, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(60):
            while not stand.ours.engine.load[0]:
                await asyncio.sleep(TICK_S)
        yield
        if client.returncode is not None:
            raise CodeFuseError("The client was not answered, so nothing was measured.")
    finally:
        with contextlib.suppress(ProcessLookupError):
            client.kill()
        await client.wait()
