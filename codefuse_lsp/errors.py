"""The exception tree. Each message says what happened and what to do about it.

CodeFuseError
├── ConfigError            a setting or argument that cannot be used
├── ModelError             the model cannot be found, read or placed
│   ├── ModelNotFound
│   └── NotEnoughMemory
├── DownloadError          the embedded model could not be fetched, checked or stored
├── WorkerError            the far end of the generation wire
│   ├── WorkerUnreachable  nothing answers, or it went away in mid-answer
│   │   └── WorkerAbsent   nobody listens at its address, so nothing was sent
│   ├── WorkerFailed       the worker started and gave up, with its reason
│   └── RequestRefused     the far end answered with an error
├── SandboxUnavailable     unread code cannot be walled in on this system
├── QuestionTooLong        a question that no prompt has room for
└── DocumentChanged        the text moved on while an edit was being made
"""

from __future__ import annotations

import traceback


class CodeFuseError(Exception):
    """Something that a user can be told in one sentence; `str(error)` is that sentence."""


class ConfigError(CodeFuseError):
    """A setting or an argument that cannot be used."""


class ModelError(CodeFuseError):
    """The model cannot be found, read or placed on a device."""


class ModelNotFound(ModelError):
    """There is no model where the setting points."""


class NotEnoughMemory(ModelError):
    """The model does not fit; the message holds the numbers and the setting that would make it fit."""


class DownloadError(CodeFuseError):
    """The embedded model could not be fetched, checked, converted or stored."""


class WorkerError(CodeFuseError):
    """The far end of the generation wire did not do what was asked."""


class WorkerUnreachable(WorkerError):
    """Nothing answers at the worker's address, or it went away in the middle of an answer."""


class WorkerAbsent(WorkerUnreachable):
    """Nobody listens at the worker's address, so nothing was sent: it left when it was idle, or was ended."""


class WorkerFailed(WorkerError):
    """The worker started and gave up; the message is its reason."""


class RequestRefused(WorkerError):
    """The far end refused a request; `status` is its HTTP status, `retry_after` the seconds to wait."""

    def __init__(self, message: str, status: int, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class SandboxUnavailable(CodeFuseError):
    """Code that nobody has read cannot be walled in here; the message names the reason."""


class QuestionTooLong(CodeFuseError):
    """A question does not fit the model's context, whatever else is left out."""

    def __init__(self, tokens: int, context_tokens: int, answer_tokens: int) -> None:
        super().__init__(
            f"The question and the system text alone take {tokens:,} tokens. The model reads {context_tokens:,} with "
            f"the answer, for which up to {answer_tokens:,} are kept (setting chat_max_tokens). Ask less at once, or "
            "refer to a file instead of pasting it: what is referred to is cut to what fits."
        )


class DocumentChanged(CodeFuseError):
    """The document changed while the answer was being generated, so the edit no longer fits."""


def describe(error: BaseException | None) -> str:
    """Return an exception's type and where it came from, without its text, which may quote the user's."""
    if error is None:
        return "no exception"
    frames = traceback.extract_tb(error.__traceback__)
    places = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames[-5:]))
    return f"{type(error).__qualname__} at {places}" if places else type(error).__qualname__
