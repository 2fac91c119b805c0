"""From a message to its handler and back to an answer: the state machine of a session and its errors.

Bytes in, through `Protocol.receive`; bytes out, through the writer. Knows methods' types, nothing of their meaning.
pygls loses requests that it cannot read and answers with tracebacks; here every request is answered exactly once, and
neither a log nor the wire gets to see what is not theirs.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import uuid
from collections.abc import Callable, Generator
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import attrs
from lsprotocol import types
from pygls import exceptions as rpc
from pygls.protocol import lsp_method

from codefuse_lsp.errors import describe
from codefuse_lsp.lsp.document import Workspace
from codefuse_lsp.lsp.framing import frame
from codefuse_lsp.lsp.handlers import Handlers, MsgId, Pending
from codefuse_lsp.lsp.messages import (
    decode,
    is_foreseen,
    response_error,
    shape,
    strict_converter,
    structure,
    structure_params,
)

if TYPE_CHECKING:
    from cattrs import Converter
    from pygls.lsp.server import LanguageServer

log = logging.getLogger(__name__)

# pygls logs each outgoing body at INFO, and params at DEBUG
logging.getLogger("pygls").setLevel(logging.WARNING)

T = TypeVar("T")
MessageTypes = tuple[type[Any], type[Any] | None]


class State(Enum):
    """How far a session has come (LSP 3.18, "Server lifecycle")."""

    NEW = "new"
    INITIALIZING = "initializing"
    RUNNING = "running"
    SHUTDOWN = "shutdown"


class Protocol(Handlers):
    """One client's session.

    `custom` maps a method of our own to the attrs classes of its request or notification, and of its response.
    `content_schemes` are the URI schemes that `workspace/textDocumentContent` is advertised for.
    """

    custom: ClassVar[dict[str, MessageTypes]] = {}
    content_schemes: ClassVar[tuple[str, ...]] = ()

    def __init__(self, server: LanguageServer, converter: Converter) -> None:
        super().__init__(server, converter)
        self.state = State.NEW
        self.leave: Callable[[int], None] = lambda code: None  # called with the exit code when `exit` arrives
        self._strict: Converter | None = None

    def exit_code(self) -> int:
        """Return the code to exit with now: 0 after `shutdown`, 1 without (LSP 3.18, `exit`)."""
        return 0 if self.state is State.SHUTDOWN else 1

    def get_message_type(self, method: str) -> type[Any] | None:  # type: ignore[override]  # pygls wraps its own in a cache
        """Return the class of a method's request or notification, or None where it has none."""
        return self.custom[method][0] if method in self.custom else super().get_message_type(method)

    def get_result_type(self, method: str) -> type[Any] | None:  # type: ignore[override]
        """Return the class of a method's response, or None where it has none."""
        return self.custom[method][1] if method in self.custom else super().get_result_type(method)

    def to_wire(self, value: Any) -> Any:
        """Return an instance of an attrs class as JSON values, for a field that takes anything."""
        return self._converter.unstructure(value)

    def from_wire(self, value: Any, kind: type[T]) -> T:
        """Return what `to_wire` made JSON values of; raises JsonRpcInvalidParams where a client has changed them."""
        return structure(self._strict_converter(), value, kind, kind.__name__)

    def receive(self, body: bytes) -> None:
        """Handle one message; never raises, for what is wrong with a message is answered or logged."""
        try:
            self._dispatch(decode(body))
        except rpc.JsonRpcException as error:
            self._send_response(None, error=response_error(error))
        except Exception as error:
            log.error("a message was dropped: %s", describe(error))

    def _dispatch(self, data: Any) -> None:
        """Handle one decoded message; raises JsonRpcInvalidRequest where there is no id to answer to."""
        if not isinstance(data, dict) or data.get("jsonrpc") != self.VERSION:
            raise rpc.JsonRpcInvalidRequest("Not a JSON-RPC 2.0 message.")
        method, msg_id = data.get("method"), data.get("id")
        if method is None and ("result" in data or "error" in data or "id" in data):
            if _is_id(msg_id):
                self._receive_answer(data)
        elif not isinstance(method, str):
            raise rpc.JsonRpcInvalidRequest("A message has a method or an id.")
        elif method == types.EXIT:
            self.leave(self.exit_code())
        elif "id" not in data:
            self._receive_notification(data)
        elif _is_id(msg_id):
            self._receive_request(data)
        else:
            raise rpc.JsonRpcInvalidRequest("An id is a number or a text.")

    def _receive_request(self, data: dict[str, Any]) -> None:
        msg_id, method = data["id"], data["method"]
        try:
            self._admit(method)
            self._get_handler(method)
            params = self._params(data)
        except rpc.JsonRpcException as error:
            self._send_response(msg_id, error=response_error(error))
        else:
            contextvars.copy_context().run(self._handle_request, msg_id, method, params)

    def _receive_notification(self, data: dict[str, Any]) -> None:
        method = data["method"]
        if self.state is not State.RUNNING:
            return
        try:
            if method != types.CANCEL_REQUEST:
                self._get_handler(method)
            params = self._params(data)
        except rpc.JsonRpcMethodNotFound:
            return
        except rpc.JsonRpcException as error:
            log.warning("a notification was ignored: %s", error.message)
        else:
            contextvars.copy_context().run(self._handle_notification, method, params)

    def _admit(self, method: str) -> None:
        """Raise the error that LSP 3.18 asks for where a request comes at the wrong time."""
        if self.state is State.SHUTDOWN:
            raise rpc.JsonRpcInvalidRequest("The server is shutting down.")
        if method == types.INITIALIZE and self.state is not State.NEW:
            raise rpc.JsonRpcInvalidRequest("The server has been initialized already.")
        if method != types.INITIALIZE and self.state is not State.RUNNING:
            raise rpc.JsonRpcServerNotInitialized("The server has not been initialized.")

    def _params(self, data: dict[str, Any]) -> Any:
        """Return the params of a message, plain where the method has no type; raises JsonRpcException."""
        method = data["method"]
        message_type: Any = self.get_message_type(method)
        if message_type is None:
            return data.get("params")
        if shape(message_type).is_request != ("id" in data):
            raise rpc.JsonRpcInvalidRequest(f"{method} is {'a notification' if 'id' in data else 'a request'}.")
        return structure_params(self._converter_for(method), data, message_type)

    def _converter_for(self, method: str) -> Converter:
        # the standard methods stay lenient, for the clients that send them are many
        return self._strict_converter() if method in self.custom else self._converter

    def _strict_converter(self) -> Converter:
        if self._strict is None:
            self._strict = strict_converter()
        return self._strict

    def _handle_request(self, msg_id: MsgId, method_name: str, params: Any) -> None:
        self._ctx_msg_id.set(msg_id)
        answer = partial(self._answer, msg_id=msg_id, method=method_name)
        self._execute_handler(msg_id, self._get_handler(method_name), answer, (params,))

    def _handle_notification(self, method_name: str, params: Any) -> None:
        if method_name == types.CANCEL_REQUEST:
            self._handle_cancel_notification(params.id)
            return
        report = partial(_report_failure, method=method_name)
        self._execute_handler(str(uuid.uuid4()), self._get_handler(method_name), report, (params,))

    def _answer(self, future: Pending, *, msg_id: MsgId, method: str) -> None:
        if future.cancelled():
            self._send_response(msg_id, error=response_error(rpc.JsonRpcRequestCancelled("The request was cancelled.")))
        elif (error := future.exception()) is None:
            self._send_response(msg_id, future.result())
        else:
            _report_failure(future, method=method)
            self._send_response(msg_id, error=response_error(error))

    def _send_response(
        self, msg_id: MsgId | None, result: Any | None = None, error: types.ResponseError | None = None
    ) -> None:
        """Answer a request; a result that cannot be written is answered with -32603 instead."""
        response: dict[str, Any] = {"jsonrpc": self.VERSION, "id": msg_id}
        try:
            self._send_data(response | ({"result": result} if error is None else {"error": error}))
        except Exception as failure:
            log.error("an answer cannot be written: %s", describe(failure))
            self._send_data(response | {"error": response_error(failure)})

    def _send_data(self, data: Any) -> None:
        """Send one message; raises where it holds what JSON cannot."""
        if self.writer is None:
            return
        text = json.dumps(data, default=self._serialize_message, allow_nan=False, separators=(",", ":"))
        body = text.encode()
        self.writer.write(frame(body) if self._include_headers else body)

    def _serialize_message(self, data: Any) -> Any:
        if attrs.has(type(data)):
            return self._converter.unstructure(data)
        raise TypeError(type(data).__qualname__)

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, params: types.InitializeParams) -> Generator[Any, Any, types.InitializeResult]:
        """Begin the session, with documents of our own; a failure leaves the client free to try again."""
        self.state = State.INITIALIZING
        try:
            result = yield from super().lsp_initialize(params)
            self._workspace = Workspace.replacing(self.workspace)
            if self.content_schemes:  # pygls 2.1 answers the request without advertising it
                offered = result.capabilities.workspace or types.WorkspaceOptions()
                offered.text_document_content = types.TextDocumentContentOptions(schemes=self.content_schemes)
                result.capabilities.workspace = offered
            self.state = State.RUNNING
            return result
        finally:
            if self.state is State.INITIALIZING:
                self.state = State.NEW

    @lsp_method(types.SHUTDOWN)
    def lsp_shutdown(self, *args: Any) -> Generator[Any, Any, None]:
        """End the session: whatever is under way is cancelled and answered."""
        self.state = State.SHUTDOWN
        if (handler := self.fm.features.get(types.SHUTDOWN)) is not None:
            yield handler, args, None
        self._cancel_all()
        self._shutdown = True


def _is_id(value: Any) -> bool:
    return isinstance(value, (int, str)) and not isinstance(value, bool)


def _report_failure(future: Pending, *, method: str) -> None:
    """Log why the handler of `method` failed, unless it was foreseen and says so itself."""
    if not future.cancelled() and (error := future.exception()) is not None and not is_foreseen(error):
        log.error("%s failed: %s", method, describe(error))


def report_stray_failure(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log a failure that nobody waited for; asyncio's own report would quote arguments and exception texts."""
    log.error("a background task failed: %s", describe(context.get("exception")))
