"""What is under way: the client's requests in our handlers, and our questions at the client. Knows no wire format.

pygls keeps the future of every notification and of every question that was given up (pygls #608), and cancels only the
outer one of two nested handlers (pygls #517). `Handlers` takes over, by names pygls calls private: a test holds that
they still exist.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Generator
from concurrent.futures import Future
from functools import partial
from inspect import iscoroutinefunction, isgeneratorfunction
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInternalError
from pygls.feature_manager import is_thread_function
from pygls.progress import Progress
from pygls.protocol import LanguageServerProtocol

from codefuse_lsp.errors import describe

if TYPE_CHECKING:
    from cattrs import Converter
    from pygls.lsp.server import LanguageServer

MsgId = int | str
Pending = Future[Any] | asyncio.Future[Any]


class Handlers(LanguageServerProtocol):
    """Starts handlers, cancels them, and forgets them when they are done."""

    def __init__(self, server: LanguageServer, converter: Converter) -> None:
        super().__init__(server, converter)
        self.progress = _Progress(self)
        self._awaited: dict[Pending, Pending] = {}  # a built-in handler's future -> that of the handler it waits for

    def _execute_handler(
        self,
        msg_id: MsgId,
        handler: Callable[..., Any],
        callback: Callable[[Any], None],
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
    ) -> Pending:
        """Start a handler and return its future, which calls back and is forgotten when it is done."""
        future = self._start(handler, args or (), kwargs or {})
        self._request_futures[msg_id] = future  # type: ignore[assignment]
        future.add_done_callback(partial(self._forget, msg_id))
        future.add_done_callback(callback)
        return future

    def _start(self, handler: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Pending:
        if iscoroutinefunction(handler):
            task: asyncio.Task[Any] = asyncio.ensure_future(handler(*args, **kwargs))
            return task
        future: Future[Any]
        if is_thread_function(handler):  # type: ignore[no-untyped-call]
            future = self._server.thread_pool.submit(handler, *args, **kwargs)
            return future
        future = Future()
        try:
            if isgeneratorfunction(handler):
                self._run_generator(None, gen=handler(*args, **kwargs), result_future=future)
            else:
                future.set_result(handler(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future

    def _run_generator(
        self, future: Pending | None, *, gen: Generator[Any, Any, Any], result_future: Future[Any]
    ) -> None:
        """Run a built-in handler up to the next handler it waits for, or to its end."""
        self._awaited.pop(result_future, None)
        if future is not None and future.cancelled():
            result_future.cancel()
        if result_future.done():
            gen.close()
            return
        try:
            handler, args, kwargs = gen.send(None if future is None else future.result())
        except StopIteration as end:
            result_future.set_result(end.value)
        except Exception as error:
            gen.close()
            result_future.set_exception(error)
        else:
            resume = partial(self._run_generator, gen=gen, result_future=result_future)
            awaited = self._execute_handler(str(uuid.uuid4()), handler, resume, args, kwargs)
            if not awaited.done():
                self._awaited[result_future] = awaited

    def _forget(self, msg_id: MsgId, future: Pending) -> None:
        if self._request_futures.get(msg_id) is future:
            del self._request_futures[msg_id]

    def _handle_cancel_notification(self, msg_id: MsgId) -> None:
        """Cancel a request of the client's; one that is unknown or over is nothing to speak of (`$/cancelRequest`)."""
        if msg_id in self._result_types:  # a question of ours, which is not the client's to cancel
            return
        future: Pending | None = self._request_futures.get(msg_id)
        while future in self._awaited:
            future = self._awaited[future]
        if future is not None:
            future.cancel()

    def _cancel_all(self) -> None:
        """Cancel everything but the handler of the current request."""
        for msg_id, future in list(self._request_futures.items()):
            if msg_id != self.msg_id:
                future.cancel()

    def send_request(
        self,
        method: str,
        params: Any | None = None,
        callback: Callable[[Any], None] | None = None,
        msg_id: MsgId | None = None,
    ) -> Future[Any]:
        """Ask the client; the question is forgotten when it is answered, and when the asker gives it up."""
        msg_id = str(uuid.uuid4()) if msg_id is None else msg_id
        try:
            future = super().send_request(method, params, callback, msg_id)
        except Exception:
            self._forget_question(msg_id)
            raise
        future.add_done_callback(lambda _: self._forget_question(msg_id))
        return future

    def _forget_question(self, msg_id: MsgId) -> None:
        self._request_futures.pop(msg_id, None)
        self._result_types.pop(msg_id, None)

    def _receive_answer(self, data: dict[str, Any]) -> None:
        """Hand the client's answer to whoever asked; one that is late or was never asked for is ignored."""
        future = self._request_futures.get(data["id"]) if data["id"] in self._result_types else None
        if future is None or future.done():
            return
        try:
            future.set_result(self._read_answer(data))
        except JsonRpcException as refusal:
            future.set_exception(refusal)
        except Exception as failure:
            future.set_exception(JsonRpcInternalError(f"The client's answer could not be read: {describe(failure)}"))

    def _read_answer(self, data: dict[str, Any]) -> Any:
        if data.get("error") is not None:
            raise JsonRpcException.from_error(self._converter.structure(data["error"], types.ResponseError))
        data = {"result": None} | data  # clients written in Lua lose a null
        response_type = self._result_types[data["id"]]
        return self._converter.structure(data, response_type).result if response_type else data["result"]


class _Progress(Progress):
    """Forgets a token when its work has ended (pygls #607)."""

    def end(self, token: types.ProgressToken, value: types.WorkDoneProgressEnd) -> None:
        super().end(token, value)
        self.tokens.pop(token, None)
