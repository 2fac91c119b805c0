"""The parts of the wire, each by itself: frames, threads, messages and their errors, the life of a session."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer
from pygls.progress import Progress
from pygls.protocol import JsonRPCProtocol, LanguageServerProtocol

from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.lsp import framing
from codefuse_lsp.lsp.framing import ByteBudget, FrameParser, FramingError, Stdio, Writer, frame, read_frames
from codefuse_lsp.lsp.messages import camel_case, response_error
from codefuse_lsp.lsp.transport import EXIT_LOST, Protocol, State, converter, is_alive, run_stdio

HANG_S = 20.0
SECRET = "hunter2-in-the-users-code"


# frames


@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(1, 50))
@settings(deadline=None)
def test_frames_come_out_whole_whatever_the_pieces_they_arrive_in(bodies: list[bytes], size: int) -> None:
    stream = b"".join(map(frame, bodies))
    parser = FrameParser()
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    assert [body for piece in pieces for body in parser.feed(piece)] == bodies


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (b"Content-Length: %d\r\n\r\n" % (framing.MAX_MESSAGE_BYTES + 1), "longer"),
        (b"Content-Length: %s\r\n\r\n" % (b"9" * 4000), "longer"),
        (b"Content-Length: -1\r\n\r\n", "not a number"),
        (b"Content-Length: 1_0\r\n\r\n", "not a number"),
        (b"Content-Length: \r\n\r\n", "not a number"),
        (b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", "two different"),
        (b"Content-Type: text\r\n\r\n", "no Content-Length"),
        (b"\r\n", "no Content-Length"),
        (b'{"jsonrpc": "2.0"}\r\n', "no Content-Length"),
        (b"no colon\r\n", "no colon"),
        (b"x" * framing.MAX_HEADER_LINE_BYTES, "header line is longer"),
        (b"x: y\r\n" * (framing.MAX_HEADER_LINES + 1), "header lines"),
    ],
)
def test_a_stream_that_has_lost_its_frames_says_how(stream: bytes, reason: str) -> None:
    with pytest.raises(FramingError, match=reason):
        list(FrameParser().feed(stream + b"\r\n"))


def test_nothing_is_kept_of_a_length_that_was_only_announced() -> None:
    parser = FrameParser()
    assert list(parser.feed(b"Content-Length: %d\r\n\r\n{" % framing.MAX_MESSAGE_BYTES)) == []
    assert len(parser._buffer) == 1


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    for fd in (reading, writing):
        try:
            os.close(fd)
        except OSError:
            continue


def test_messages_written_together_are_delivered_together(pipe: tuple[int, int]) -> None:
    delivered: list[list[bytes]] = []
    os.write(pipe[1], frame(b"a") + frame(b"b"))
    os.close(pipe[1])
    read_frames(pipe[0], delivered.append)
    assert delivered == [[b"a", b"b"]]


def test_messages_before_a_broken_frame_are_delivered(pipe: tuple[int, int]) -> None:
    delivered: list[list[bytes]] = []
    os.write(pipe[1], frame(b"whole") + b"broken\n")
    with pytest.raises(FramingError):
        read_frames(pipe[0], delivered.append)
    assert delivered == [[b"whole"]]


def test_a_budget_holds_a_producer_back_until_bytes_are_given_back() -> None:
    budget = ByteBudget(limit=10)
    budget.acquire(50)  # alone, anything fits
    entered = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: (entered.set(), budget.acquire(1)))
        assert entered.wait(HANG_S)
        assert not waiting.done()
        budget.release(50)
        waiting.result(HANG_S)


def test_a_writer_gives_the_client_up_once_when_too_much_waits(pipe: tuple[int, int]) -> None:
    lost: list[str] = []
    writer = Writer(pipe[1], lost.append, limit=1 << 18)
    for _ in range(100):
        writer.write(b"x" * (1 << 16))
    assert len(lost) == 1
    assert "stopped reading" in lost[0]
    os.close(pipe[0])


def test_a_writer_notices_that_the_client_has_closed_its_end(pipe: tuple[int, int]) -> None:
    lost: list[str] = []
    is_lost = threading.Event()
    writer = Writer(pipe[1], lambda reason: (lost.append(reason), is_lost.set())[0])
    os.close(pipe[0])
    writer.write(b"x")
    assert is_lost.wait(HANG_S)
    assert "closed its end" in lost[0]


def test_closing_a_writer_writes_what_is_queued_and_takes_no_more(pipe: tuple[int, int]) -> None:
    writer = Writer(pipe[1], pytest.fail)
    writer.write(b"a")
    writer.write(b"b")
    writer.close()
    writer.write(b"c")
    os.close(pipe[1])
    assert os.read(pipe[0], 10) == b"ab"


# messages


@pytest.mark.parametrize(
    ("attribute", "wire"), [("text", "text"), ("partial_result_token", "partialResultToken"), ("from_", "from")]
)
def test_fields_are_named_as_on_the_wire(attribute: str, wire: str) -> None:
    assert camel_case(attribute) == wire


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ValueError(SECRET), -32603, "internal error"),
        (CodeFuseError("Do this."), -32803, "Do this."),
        (JsonRpcException("later", code=-32802), -32802, "later"),
    ],
)
def test_only_texts_meant_for_the_client_reach_it(error: Exception, code: int, message: str) -> None:
    answer = response_error(error)
    assert (answer.code, answer.message) == (code, message)


# the life of a session


class Wire:
    """Takes the place of the writer and keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def write(self, data: bytes) -> None:
        (body,) = FrameParser().feed(data)
        self.sent.append(json.loads(body))

    def close(self) -> None: ...


@attrs.define
class Mark:
    some_text: str
    number: int = 0


class Session:
    """A server in this process, spoken to by messages."""

    def __init__(self) -> None:
        self.server = LanguageServer("test", "1", protocol_cls=Protocol, converter_factory=converter)
        assert isinstance(self.server.protocol, Protocol)
        self.protocol = self.server.protocol
        self.wire = Wire()
        self.protocol.set_writer(self.wire)

    def send(self, method: str, params: object = None, **message: object) -> None:
        body = {"jsonrpc": "2.0", "method": method, "params": params, **message}
        self.protocol.receive(json.dumps(body).encode())

    def initialize(self) -> None:
        self.send("initialize", {"capabilities": {}}, id="initialize")

    def answer(self, msg_id: object) -> dict[str, Any]:
        (found,) = [message for message in self.wire.sent if message.get("id") == msg_id]
        return found


@pytest.fixture
def session() -> Session:
    return Session()


def test_the_names_of_pygls_that_are_taken_over_still_exist() -> None:
    server = Session().server
    for name in ("_request_futures", "_result_types", "_ctx_msg_id", "_converter", "_server", "_workspace"):
        assert hasattr(server.protocol, name), name
    assert hasattr(server.protocol, "_shutdown")
    assert hasattr(server.protocol, "_include_headers")
    assert hasattr(server, "process_id")


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    [
        (JsonRPCProtocol, "_execute_handler", "self msg_id handler callback args kwargs"),
        (JsonRPCProtocol, "_run_generator", "self future gen result_future"),
        (JsonRPCProtocol, "_handle_cancel_notification", "self msg_id"),
        (JsonRPCProtocol, "_handle_request", "self msg_id method_name params"),
        (JsonRPCProtocol, "_handle_notification", "self method_name params"),
        (JsonRPCProtocol, "_get_handler", "self feature_name"),
        (JsonRPCProtocol, "_send_response", "self msg_id result error"),
        (JsonRPCProtocol, "_send_data", "self data"),
        (JsonRPCProtocol, "_serialize_message", "self data"),
        (JsonRPCProtocol, "send_request", "self method params callback msg_id"),
        (JsonRPCProtocol, "set_writer", "self writer include_headers"),
        (LanguageServerProtocol, "get_message_type", "self method"),
        (LanguageServerProtocol, "get_result_type", "self method"),
        (LanguageServerProtocol, "lsp_initialize", "self params"),
        (LanguageServerProtocol, "lsp_shutdown", "self args"),
        (Progress, "end", "self token value"),
    ],
)
def test_the_methods_of_pygls_that_are_taken_over_still_look_the_same(owner: type, name: str, parameters: str) -> None:
    assert " ".join(inspect.signature(getattr(owner, name)).parameters) == parameters


async def test_notifications_leave_nothing_behind(session: Session) -> None:
    session.initialize()
    session.send("textDocument/didOpen", {"textDocument": {"uri": "a:b", "languageId": "", "version": 0, "text": ""}})
    for version in range(1, 2001):
        edit = {"range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}, "text": "x"}
        session.send(
            "textDocument/didChange", {"textDocument": {"uri": "a:b", "version": version}, "contentChanges": [edit]}
        )
    assert session.server.workspace.get_text_document("a:b").source == "x" * 2000
    assert session.protocol._request_futures == {}
    assert session.protocol._awaited == {}
    assert len(session.wire.sent) == 1


async def test_async_notification_handlers_leave_nothing_behind(session: Session) -> None:
    is_handled = asyncio.Event()

    @session.server.feature("workspace/didChangeConfiguration")
    async def changed(params: types.DidChangeConfigurationParams) -> None:
        is_handled.set()

    session.initialize()
    session.send("workspace/didChangeConfiguration", {"settings": {}})
    await is_handled.wait()
    while session.protocol._request_futures:
        await asyncio.sleep(0)


async def test_nothing_is_served_while_the_handshake_is_under_way(session: Session) -> None:
    is_ready = asyncio.Event()

    @session.server.feature("initialize")
    async def initialize(params: types.InitializeParams) -> None:
        await is_ready.wait()

    session.initialize()
    session.send("workspace/executeCommand", {"command": "a"}, id=1)
    assert session.answer(1)["error"]["code"] == -32002
    is_ready.set()
    while session.protocol.state is not State.RUNNING:
        await asyncio.sleep(0)
    assert "result" in session.answer("initialize")


def test_a_handshake_that_failed_can_be_tried_again(session: Session) -> None:
    failures = [RuntimeError(SECRET)]

    @session.server.feature("initialize")
    def initialize(params: types.InitializeParams) -> None:
        if failures:
            raise failures.pop()

    session.send("initialize", {"capabilities": {}}, id=1)
    session.send("initialize", {"capabilities": {}}, id=2)
    assert session.answer(1)["error"]["code"] == -32603
    assert "result" in session.answer(2)


def test_the_exit_code_tells_whether_there_was_a_shutdown(session: Session) -> None:
    codes: list[int] = []
    session.protocol.leave = codes.append
    session.send("exit")
    session.initialize()
    session.send("exit")
    session.send("shutdown", id=2)
    session.send("exit")
    assert codes == [1, 1, 0]


def test_our_own_values_survive_a_field_that_takes_anything(session: Session) -> None:
    wire = session.protocol.to_wire(Mark("a", 3))
    assert wire == {"someText": "a", "number": 3}
    assert session.protocol.from_wire(wire, Mark) == Mark("a", 3)
    with pytest.raises(JsonRpcInvalidParams, match="Mark"):
        session.protocol.from_wire(5, Mark)


def test_text_content_is_advertised_for_its_schemes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Protocol, "content_schemes", ("codefuse",))
    session = Session()
    session.initialize()
    capabilities = session.answer("initialize")["result"]["capabilities"]
    assert capabilities["workspace"]["textDocumentContent"] == {"schemes": ["codefuse"]}


def test_a_message_to_the_client_that_cannot_be_written_is_the_callers_to_know(session: Session) -> None:
    with pytest.raises(TypeError):
        session.protocol.send_request("custom/ask", {"set": {SECRET}})
    with pytest.raises(TypeError):
        session.protocol.notify("custom/tell", {"set": {SECRET}})
    assert session.protocol._request_futures == session.protocol._result_types == {}


def test_a_progress_token_is_forgotten_when_its_work_has_ended(session: Session) -> None:
    session.server.work_done_progress.begin("t", types.WorkDoneProgressBegin("work"))
    session.server.work_done_progress.end("t", types.WorkDoneProgressEnd())
    assert session.server.work_done_progress.tokens == {}


def test_no_log_of_any_level_holds_text_of_the_users(session: Session, caplog: pytest.LogCaptureFixture) -> None:
    @session.server.feature("custom/fail")
    def fail(params: Any) -> None:
        raise ValueError(params)

    caplog.set_level(logging.DEBUG)
    session.initialize()
    for method in ("custom/fail", "workspace/executeCommand", "textDocument/didOpen", SECRET):
        for params in (SECRET, {"command": SECRET}, {SECRET: SECRET}, [SECRET]):
            session.send(method, params)
            session.send(method, params, id=SECRET)
    session.protocol.receive(SECRET.encode())
    session.protocol.notify("window/logMessage", types.LogMessageParams(types.MessageType.Info, SECRET))
    assert caplog.records
    assert SECRET not in caplog.text


# the session's end


def serve(session: Session, *messages: dict[str, Any], **options: Any) -> tuple[int, int]:
    """Serve a client that sends `messages` and goes; return the exit code and the descriptor of its output."""
    reading, client_writing = os.pipe()
    client_reading, writing = os.pipe()
    os.write(client_writing, b"".join(frame(json.dumps(message).encode()) for message in messages))
    os.close(client_writing)
    code = run_stdio(session.server, stdio=Stdio(reading, writing), **options)
    os.close(reading)
    os.close(writing)
    return code, client_reading


INITIALIZE = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": {}}}
SHUTDOWN = {"jsonrpc": "2.0", "id": 2, "method": "shutdown"}
EXIT = {"jsonrpc": "2.0", "method": "exit"}


@pytest.mark.parametrize(
    ("messages", "code"), [([INITIALIZE, SHUTDOWN, EXIT], 0), ([INITIALIZE, SHUTDOWN], 0), ([INITIALIZE], 1), ([], 1)]
)
def test_serving_returns_the_exit_code_after_the_last_answer(
    session: Session, messages: list[dict[str, Any]], code: int
) -> None:
    found, output = serve(session, *messages)
    answers = list(FrameParser().feed(os.read(output, 1 << 16)))
    os.close(output)
    assert found == code
    assert len(answers) == sum("id" in message for message in messages)


async def fails() -> None:
    raise ValueError(SECRET)


async def hangs() -> None:
    await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("ending", [fails, hangs])
def test_a_cleanup_that_fails_or_hangs_does_not_hold_the_server(
    session: Session, ending: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    code, output = serve(session, INITIALIZE, cleanup=ending)
    os.close(output)
    assert code == 1
    assert "the cleanup failed" in caplog.text
    assert SECRET not in caplog.text


def test_the_cleanup_runs_when_every_handler_has_ended(session: Session) -> None:
    order: list[str] = []

    @session.server.feature("custom/slow")
    async def slow(params: Any) -> None:
        try:
            await hangs()
        finally:
            order.append("handler")

    async def cleanup() -> None:
        order.append("cleanup")

    request = {"jsonrpc": "2.0", "id": 3, "method": "custom/slow"}
    reading, client_writing = os.pipe()
    client_reading, writing = os.pipe()
    os.write(client_writing, b"".join(frame(json.dumps(message).encode()) for message in (INITIALIZE, request)))
    with ThreadPoolExecutor(1) as pool:
        serving = pool.submit(run_stdio, session.server, cleanup, Stdio(reading, writing))
        while not session.protocol._request_futures:
            assert not serving.done()
        os.close(client_writing)
        assert serving.result(HANG_S) == 1
    assert order == ["handler", "cleanup"]
    for fd in (reading, client_reading, writing):
        os.close(fd)


def test_a_client_that_closes_its_input_ends_the_session(session: Session) -> None:
    reading, client_writing = os.pipe()
    client_reading, writing = os.pipe()
    os.close(client_reading)
    os.write(client_writing, frame(json.dumps(INITIALIZE).encode()))
    assert run_stdio(session.server, stdio=Stdio(reading, writing)) == EXIT_LOST
    for fd in (client_writing, reading, writing):
        os.close(fd)


def test_a_process_is_alive_until_it_is_dead() -> None:
    assert is_alive(os.getpid())
    dead = subprocess.Popen([sys.executable, "-S", "-c", ""])
    os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(dead.pid)  # nobody has buried it yet
    dead.wait()
    assert not is_alive(dead.pid)


def test_claiming_the_streams_needs_nothing_that_might_print() -> None:
    code = "import sys, codefuse_lsp.lsp.framing; print(not {'pygls', 'lsprotocol', 'attrs'} & set(sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "True\n"
