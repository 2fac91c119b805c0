"""Whatever a client does, the server answers, goes on, or exits with a code; it is never deaf and never noisy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.raw_client import RawClient, cancel, frame, notification, request

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL_ERROR = -32700, -32600, -32601, -32602, -32603
NOT_INITIALIZED, CANCELLED, SERVER_CANCELLED, REQUEST_FAILED = -32002, -32800, -32802, -32803
LEFT_WITHOUT_SHUTDOWN, STREAM_LOST = 1, 3

ROOT = Path(__file__).parents[2]
SECRET = "hunter2-in-the-users-code"
ENVIRONMENT = {"PYTHONPATH": str(ROOT)}
TINY = [sys.executable, str(Path(__file__).with_name("torture_server.py"))]
REAL = [sys.executable, "-m", "codefuse_lsp", "--stdio", "--set", "endpoint=http://127.0.0.1:9/v1"]  # no model loads
COMMANDS = {"tiny": TINY, "real": REAL}  # each has to stand every test that asks for a `command` or a `running` server


@pytest.fixture(scope="module", params=COMMANDS)
def command(request: pytest.FixtureRequest) -> list[str]:
    """The command of each server that has to stand the torture."""
    return COMMANDS[request.param]


@pytest.fixture(scope="module")
def running(command: list[str]) -> Iterator[RawClient]:
    """One initialized server for all the rows that it has to survive; the last of them is a good end."""
    with RawClient(command, env=ENVIRONMENT) as client:
        client.initialize()
        yield client
        assert_a_good_end(client)


@pytest.fixture(scope="module")
def tiny() -> Iterator[RawClient]:
    """The tiny server, initialized, for rows that need its special methods."""
    with RawClient(TINY, env=ENVIRONMENT) as client:
        client.initialize()
        yield client
        assert_a_good_end(client)


def assert_a_good_end(client: RawClient) -> None:
    """Nothing has broken the server, shown the user an error, or left the user's text in a log."""
    assert client.shut_down() == 0
    assert "Error in server" not in json.dumps(client.remaining())  # how pygls begins its pop-ups
    assert SECRET not in client.stderr()


def spawn(command: list[str], **options: Any) -> RawClient:
    return RawClient(command, env=ENVIRONMENT, **options)


def error_code(answer: dict[str, Any]) -> int:
    return answer["error"]["code"]


def next_error(client: RawClient) -> tuple[object, int]:
    """Return the id and the code of the next answer, which has to be an error."""
    answer = client.wait_for(lambda message: "method" not in message)
    return answer["id"], error_code(answer)


def is_alive_and_silent(client: RawClient) -> bool:
    """The very next answer of the server is the one to a question asked now."""
    client.send(request("probe", "no/suchMethod"))
    return next_error(client) == ("probe", METHOD_NOT_FOUND)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b'{"jsonrpc": "2.0", "id": 1, "method"', PARSE_ERROR, id="truncated JSON"),
        pytest.param(b"", PARSE_ERROR, id="empty body"),
        pytest.param(b'{"jsonrpc": "2.0", "method": "\xff"}', PARSE_ERROR, id="not UTF-8"),
        pytest.param(b'{"jsonrpc": "2.0", "id": 1, "method": "a", "params": NaN}', PARSE_ERROR, id="NaN"),
        pytest.param(b"[" * 100_000, PARSE_ERROR, id="deep nesting"),
        pytest.param(b"[%b]" % json.dumps(request(1, "shutdown")).encode(), INVALID_REQUEST, id="batch"),
        pytest.param(b"5", INVALID_REQUEST, id="a number"),
        pytest.param(b'{"id": 1, "method": "shutdown"}', INVALID_REQUEST, id="no jsonrpc"),
        pytest.param(b'{"jsonrpc": "1.0", "id": 1, "method": "shutdown"}', INVALID_REQUEST, id="jsonrpc 1.0"),
        pytest.param(b'{"jsonrpc": "2.0"}', INVALID_REQUEST, id="nothing in it"),
        pytest.param(b'{"jsonrpc": "2.0", "id": 1, "method": 5}', INVALID_REQUEST, id="method is a number"),
        pytest.param(b'{"jsonrpc": "2.0", "id": null, "method": "shutdown"}', INVALID_REQUEST, id="id is null"),
        pytest.param(b'{"jsonrpc": "2.0", "id": {}, "method": "shutdown"}', INVALID_REQUEST, id="id is an object"),
    ],
)
def test_what_is_no_message_is_answered_with_id_null(running: RawClient, body: bytes, code: int) -> None:
    running.send_bytes(frame(body))
    assert next_error(running) == (None, code)
    assert is_alive_and_silent(running)


@pytest.mark.parametrize(
    ("method", "params", "code", "said"),
    [
        ("workspace/executeCommand", {}, INVALID_PARAMS, "params.command is missing"),
        ("workspace/executeCommand", None, INVALID_PARAMS, "params.command is missing"),
        ("workspace/executeCommand", 5, INVALID_PARAMS, "params"),
        ("workspace/executeCommand", [SECRET], INVALID_PARAMS, "params"),
        ("workspace/executeCommand", {"command": "a", "arguments": 5}, INVALID_PARAMS, "params.arguments"),
        ("initialize", {"capabilities": {}}, INVALID_REQUEST, "initialized already"),
        ("textDocument/didOpen", {}, INVALID_REQUEST, "notification"),
        ("$/noSuchMethod", None, METHOD_NOT_FOUND, "$/noSuchMethod"),
        ("no/suchMethod", {"a": 1}, METHOD_NOT_FOUND, "no/suchMethod"),
    ],
)
def test_a_request_that_cannot_be_served_is_answered_by_what_is_wrong(
    running: RawClient, method: str, params: object, code: int, said: str
) -> None:
    answer = running.request(method, params)
    assert error_code(answer) == code
    assert said in answer["error"]["message"]
    assert SECRET not in json.dumps(answer)
    assert is_alive_and_silent(running)


UNOPENED = {"uri": "file:///never/opened.py", "version": 1}


@pytest.mark.parametrize(
    "message",
    [
        notification("no/suchMethod", {"a": 1}),
        notification("$/noSuchMethod"),
        notification("shutdown"),
        notification("$/cancelRequest", {"id": "never sent"}),
        notification("$/cancelRequest", {"id": 77}),
        notification("$/cancelRequest", 5),
        notification("textDocument/didChange", {"textDocument": UNOPENED, "contentChanges": [{"text": SECRET}]}),
        notification("textDocument/didChange", {"textDocument": UNOPENED, "contentChanges": SECRET}),
        notification("textDocument/didChange", {"textDocument": UNOPENED, "contentChanges": [{"range": SECRET}]}),
        notification("textDocument/didOpen", {"textDocument": {"uri": SECRET}}),
        notification("textDocument/didClose", {"textDocument": {"uri": "file:///never/opened.py"}}),
        {"jsonrpc": "2.0", "id": "never asked", "result": SECRET},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": SECRET}},
        {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "?"}},
        {"jsonrpc": "2.0", "id": [], "result": 1},
    ],
    ids=lambda message: json.dumps(message)[:60],
)
def test_what_needs_no_answer_gets_none(running: RawClient, message: dict[str, Any]) -> None:
    running.send(message)
    assert is_alive_and_silent(running)


@pytest.mark.parametrize(
    "header",
    [
        b"content-length: %d\r\n\r\n",
        b"CONTENT-LENGTH:%d\r\n\r\n",
        b"Content-Type: application/vscode-jsonrpc; charset=utf8\r\nContent-Length: %d\r\n\r\n",
        b"Content-Length: %d\n\n",
    ],
)
def test_a_header_may_be_written_in_any_way_that_is_clear(running: RawClient, header: bytes) -> None:
    body = json.dumps(request("header", "no/suchMethod")).encode()
    running.send_bytes(header % len(body), body)
    assert next_error(running) == ("header", METHOD_NOT_FOUND)


def test_a_message_may_arrive_byte_by_byte(running: RawClient) -> None:
    for byte in frame(request("slow", "no/suchMethod")):
        running.send_bytes(bytes([byte]))
    assert next_error(running) == ("slow", METHOD_NOT_FOUND)


def test_ids_come_back_in_the_type_they_had(running: RawClient) -> None:
    running.send(request("7", "no/suchMethod"), request(7, "no/suchMethod"))
    assert [next_error(running)[0], next_error(running)[0]] == ["7", 7]


@pytest.mark.parametrize("wrong_by", [5, -5])
def test_a_wrong_length_ends_the_server_instead_of_making_it_deaf(command: list[str], wrong_by: int) -> None:
    body = json.dumps(request(1, "initialize", {"capabilities": {}})).encode()
    with spawn(command) as client:
        client.send_bytes(b"Content-Length: %d\r\n\r\n%b" % (len(body) + wrong_by, body), *map(frame, [body] * 3))
        assert client.exit_code() == STREAM_LOST
        assert [error_code(answer) for answer in client.remaining()] == [PARSE_ERROR]
        assert "broken" in client.stderr()


def test_an_absurd_length_ends_the_server_before_it_reads_on(command: list[str]) -> None:
    with spawn(command) as client:
        client.send_bytes(b"Content-Length: 99999999999\r\n\r\n{")
        assert client.exit_code() == STREAM_LOST


def test_requests_out_of_turn_are_refused_and_shutdown_makes_the_exit_a_good_one(command: list[str]) -> None:
    with spawn(command) as client:
        assert error_code(client.request("workspace/executeCommand", {"command": "a"})) == NOT_INITIALIZED
        assert error_code(client.request("shutdown")) == NOT_INITIALIZED
        assert error_code(client.request("initialize", {"capabilities": 5, "rootPath": SECRET})) == INVALID_PARAMS
        assert "capabilities" in client.initialize()["result"]
        assert client.request("shutdown")["result"] is None
        assert error_code(client.request("shutdown")) == INVALID_REQUEST
        assert error_code(client.request("no/suchMethod")) == INVALID_REQUEST
        client.notify("exit")
        assert client.exit_code() == 0
        assert not any("id" in message for message in client.remaining())
        assert SECRET not in client.stderr()


def test_exit_without_shutdown_has_a_code_of_its_own(command: list[str]) -> None:
    with spawn(command) as client:
        client.initialize()
        client.notify("exit")
        assert client.exit_code() == LEFT_WITHOUT_SHUTDOWN


def test_the_server_leaves_when_its_input_ends(command: list[str]) -> None:
    with spawn(command) as client:
        client.initialize()
        client.close_stdin()
        assert client.exit_code() == LEFT_WITHOUT_SHUTDOWN


@pytest.mark.parametrize("is_buried", [True, False])
def test_the_server_leaves_when_the_process_of_its_client_is_dead(command: list[str], is_buried: bool) -> None:
    dead = subprocess.Popen([sys.executable, "-S", "-c", ""])
    os.waitid(os.P_PID, dead.pid, os.WEXITED | (0 if is_buried else os.WNOWAIT))
    with spawn(command) as client:
        client.initialize(processId=dead.pid)
        assert client.exit_code() == LEFT_WITHOUT_SHUTDOWN
    if is_buried:
        dead.returncode = 0
    else:
        dead.wait()


def test_a_document_of_50_megabytes_can_be_opened() -> None:
    document = {"uri": "file:///large.txt", "languageId": "text", "version": 1, "text": "a line of text\n" * 3_500_000}
    with spawn(REAL) as client:  # which does all that the tiny one does with it, and more
        client.initialize()
        client.send(notification("textDocument/didOpen", {"textDocument": document}))
        assert is_alive_and_silent(client)


def test_a_client_that_does_not_read_is_given_up_when_too_much_waits_for_it() -> None:
    with spawn(TINY, reads=False) as client:
        client.send(
            request("i", "initialize", {"capabilities": {}}),
            request("f", "torture/flood", {"messages": 80, "bytes": 1 << 20}),
        )
        assert client.exit_code() == STREAM_LOST
        assert "has stopped reading" in client.stderr()


def test_the_server_works_on_while_a_client_does_not_read() -> None:
    with spawn(TINY, reads=False) as client:
        client.send(
            request("i", "initialize", {"capabilities": {}}),
            request("f", "torture/flood", {"messages": 8, "bytes": 1 << 20}),
            request("p", "torture/print"),
        )
        client.wait_for_stderr("printed by a child")
        client.start_reading()
        assert client.response("f")["result"] == "flooded"
        assert client.shut_down() == 0


def test_nothing_but_messages_reaches_stdout_and_no_child_reads_stdin() -> None:
    with spawn(TINY) as client:
        client.initialize()
        assert client.request("torture/print")["result"] == "child read stdin, exit 0"
        assert client.shut_down() == 0
        assert client.remaining() == []
        for noise in ("printed by a handler", "written by C", "printed by a child"):
            assert noise in client.stderr()


def test_a_busy_thread_does_not_hold_the_server_when_its_input_ends() -> None:
    with spawn(TINY) as client:
        client.initialize()
        assert client.request("torture/busyThread")["result"] == "busy"
        client.close_stdin()
        assert client.exit_code() == LEFT_WITHOUT_SHUTDOWN


def test_a_blocked_event_loop_does_not_hold_the_server_when_its_input_ends() -> None:
    with spawn(TINY) as client:
        client.initialize()
        client.notify("torture/blockLoop")
        client.wait_for_stderr("the loop is blocked")
        client.close_stdin()
        assert client.exit_code() == LEFT_WITHOUT_SHUTDOWN


def test_shutdown_answers_what_is_under_way_as_cancelled() -> None:
    with spawn(TINY) as client:
        client.initialize()
        client.send(request("a", "torture/slow"), request("b", "workspace/executeCommand", {"command": "torture.slow"}))
        client.send(request("end", "shutdown"), notification("exit"))
        assert client.exit_code() == 0
        answers = {answer["id"]: answer for answer in client.remaining()}
        assert answers["end"]["result"] is None
        assert [error_code(answers[msg_id]) for msg_id in "ab"] == [CANCELLED, CANCELLED]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        (None, "params.text is missing"),
        ({"text": 5}, "params.text is not valid"),
        ({"text": None}, "params.text is not valid"),
        ({"text": "a", "tags": "abc"}, "params.tags is not valid"),
        ({"text": "a", "tags": ["a", 5]}, "params.tags[1] is not valid"),
        ({"text": "a", "token": [SECRET]}, "params.token is not valid"),
        ({"text": "a", "count": 10}, "params.count is not valid"),
        ({"text": "a", "count": "2"}, "params.count is not valid"),
        ({"text": "a", "count": True}, "params.count is not valid"),
    ],
)
def test_a_bad_field_of_our_own_methods_is_named(tiny: RawClient, params: object, said: str) -> None:
    answer = tiny.request("torture/echo", params)
    assert answer["error"] == {"code": INVALID_PARAMS, "message": f"Invalid params for torture/echo: {said}."}


@pytest.mark.parametrize(
    ("method", "params", "result"),
    [
        ("torture/echo", {"text": "ab", "count": 2.0, "unknown": 1}, {"text": "abab", "note": None}),
        ("torture/echo", {"text": "{}", "tags": [], "token": "t"}, {"text": "{}", "note": None}),
        ("torture/optional", None, True),
        ("torture/optional", {"text": "a"}, False),
        ("torture/plain", None, None),
        ("torture/plain", {"class": 1, "jsonrpc": "1.0", "type_name": {"a-b": []}}, ...),
    ],
)
def test_params_and_results_cross_the_wire_as_they_are(
    tiny: RawClient, method: str, params: object, result: object
) -> None:
    assert tiny.request(method, params)["result"] == (params if result is ... else result)


def test_a_request_may_leave_out_its_params(tiny: RawClient) -> None:
    tiny.send({"jsonrpc": "2.0", "id": "bare", "method": "torture/optional"})
    assert tiny.response("bare")["result"] is True


@pytest.mark.parametrize(
    ("method", "params", "error"),
    [
        ("torture/raise", SECRET, {"code": INTERNAL_ERROR, "message": "internal error"}),
        ("torture/raiseSync", None, {"code": INTERNAL_ERROR, "message": "internal error"}),
        ("torture/unserialisable", None, {"code": INTERNAL_ERROR, "message": "internal error"}),
        ("torture/unserialisable", "nan", {"code": INTERNAL_ERROR, "message": "internal error"}),
        ("torture/unserialisable", "circle", {"code": INTERNAL_ERROR, "message": "internal error"}),
        (
            "torture/raiseOurs",
            None,
            {"code": REQUEST_FAILED, "message": "The model does not answer; run `codefuse-lsp doctor`."},
        ),
        ("torture/raiseRpc", None, {"code": SERVER_CANCELLED, "message": "try again", "data": {"retry": True}}),
    ],
)
def test_a_failing_handler_tells_the_client_only_what_is_meant_for_it(
    tiny: RawClient, method: str, params: object, error: object
) -> None:
    assert tiny.request(method, params)["error"] == error


def test_a_failing_handler_is_found_in_the_log_by_its_place(tiny: RawClient) -> None:
    tiny.request("torture/raise")
    tiny.wait_for_stderr("torture/raise failed: ValueError at ")


def test_a_failure_nobody_waited_for_is_logged_without_its_text(tiny: RawClient) -> None:
    assert tiny.request("torture/strayTask")["result"] == "lost"
    tiny.wait_for_stderr("a background task failed: ValueError")


def test_a_request_cancelled_in_the_same_burst_never_starts(tiny: RawClient) -> None:
    before = tiny.request("torture/started")["result"]
    tiny.send(request("gone", "torture/slow", SECRET), cancel("gone"))
    assert error_code(tiny.response("gone")) == CANCELLED
    assert tiny.request("torture/started")["result"] == before


def test_of_a_burst_in_which_each_request_cancels_the_last_only_the_last_is_served(tiny: RawClient) -> None:
    burst: list[dict[str, Any]] = []
    for number in range(200):
        burst += [request(f"n{number}", "torture/slow", number), cancel(f"n{number}")]
    tiny.send(*burst, request("last", "torture/echo", {"text": "here"}))
    codes = {error_code(tiny.response(f"n{number}")) for number in range(200)}
    assert codes == {CANCELLED}
    assert tiny.response("last")["result"]["text"] == "here"
    assert tiny.request("torture/state")["result"] == {"futures": 0, "questions": 0}


def wait_until_started(client: RawClient, mark: object) -> None:
    while mark not in client.request("torture/started")["result"]:
        pass


def test_a_running_request_can_be_cancelled(tiny: RawClient) -> None:
    tiny.send(request("slow", "torture/slow", "started"))
    wait_until_started(tiny, "started")
    tiny.send(cancel("slow"))
    assert error_code(tiny.response("slow")) == CANCELLED


def test_a_cancelled_handler_may_answer_with_what_it_has(tiny: RawClient) -> None:
    tiny.send(request("partial", "torture/partial", "partly"))
    wait_until_started(tiny, "partly")
    tiny.send(cancel("partial"))
    assert tiny.response("partial")["result"] == "what was said so far"


def test_cancelling_a_command_cancels_its_handler_too(tiny: RawClient) -> None:
    tiny.send(request("command", "workspace/executeCommand", {"command": "torture.slow"}))
    wait_until_started(tiny, "command")
    tiny.send(cancel("command"))
    assert error_code(tiny.response("command")) == CANCELLED
    wait_until_started(tiny, "command ended")
    assert tiny.request("torture/state")["result"] == {"futures": 0, "questions": 0}


def asked(client: RawClient) -> object:
    return client.wait_for(lambda message: message.get("method") == "window/showMessageRequest")["id"]


def test_an_answer_of_the_client_reaches_who_asked(tiny: RawClient) -> None:
    tiny.send(request("asks", "torture/ask"))
    tiny.send({"jsonrpc": "2.0", "id": asked(tiny), "result": {"title": "Yes"}})
    assert tiny.response("asks")["result"] == {"title": "Yes"}


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ({"result": 5}, {"error": {"code": INTERNAL_ERROR, "message": "internal error"}}),
        ({"error": {"code": -32601, "message": "no"}}, {"error": {"code": -32601, "message": "no"}}),
        ({"error": SECRET}, {"error": {"code": INTERNAL_ERROR, "message": "internal error"}}),
        ({}, {"result": None}),
    ],
)
def test_a_bad_answer_of_the_client_leaves_nobody_waiting(tiny: RawClient, answer: Any, outcome: Any) -> None:
    tiny.send(request("asks", "torture/ask"))
    tiny.send({"jsonrpc": "2.0", "id": asked(tiny), **answer})
    response = tiny.response("asks")
    assert {key: response[key] for key in outcome} == outcome


def test_an_answer_that_comes_after_the_question_was_given_up_is_ignored(tiny: RawClient) -> None:
    assert tiny.request("torture/ask", "impatient")["result"] is None
    tiny.send({"jsonrpc": "2.0", "id": asked(tiny), "result": None})
    assert tiny.request("torture/state")["result"] == {"futures": 0, "questions": 0}


def test_a_client_cannot_cancel_a_question_of_the_server(tiny: RawClient) -> None:
    tiny.send(request("asks", "torture/ask"))
    question = asked(tiny)
    tiny.send(cancel(question), {"jsonrpc": "2.0", "id": question, "result": None})
    assert tiny.response("asks")["result"] is None


def test_documents_of_the_session_follow_their_edits(tiny: RawClient) -> None:
    uri = "file:///edited.py"
    document = {"uri": uri, "languageId": "python", "version": 1, "text": "x = '😋'  # a\fb\n"}
    edit = {"range": {"start": {"line": 0, "character": 5}, "end": {"line": 0, "character": 7}}, "text": "é"}
    tiny.notify("textDocument/didOpen", {"textDocument": document})
    tiny.notify("textDocument/didChange", {"textDocument": {"uri": uri, "version": 2}, "contentChanges": [edit]})
    assert tiny.request("torture/text", {"uri": uri})["result"] == "x = 'é'  # a\fb\n"
