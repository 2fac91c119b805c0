from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from lsprotocol import types

from codefuse_lsp.lsp.inline_completion import suggestion_at
from codefuse_lsp.suggestions.log import RequestLog
from codefuse_lsp.suggestions.records import Records
from codefuse_lsp.suggestions.trace import Trace

SECRET = "hunter2-in-the-users-code"


async def test_a_fault_before_the_way_begins_is_silence_with_a_reason_too(caplog: pytest.LogCaptureFixture) -> None:
    def document(uri: str) -> Any:
        raise IndexError(SECRET)

    trace = Trace()
    records = Records(trace, RequestLog(None))
    server: Any = SimpleNamespace(document=document, suggester=SimpleNamespace(records=records))
    assert await suggestion_at(server, "file:///code/a.py", types.Position(4, 0), invoked=False) == []
    await records.close()
    assert [(one.file, one.line, one.outcome) for one in trace.records] == [("a.py", 5, "fault")]
    assert "IndexError at" in caplog.text and SECRET not in caplog.text
