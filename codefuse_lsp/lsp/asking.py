"""One question and its whole answer, with progress: for what can use an answer only once it is there."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing

from codefuse_lsp.answers import stream_answer
from codefuse_lsp.generation.request import GenerationRequest
from codefuse_lsp.lsp.progress import Report
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.prompts.formats import ModelFormat


async def answer_to(
    server: CodeFuseServer,
    request: GenerationRequest,
    model: ModelFormat,
    restorations: Mapping[str, str],
    report: Report,
) -> str:
    """Return the whole answer, without a last line that was cut. Raises CodeFuseError."""
    answer = ""
    async with aclosing(stream_answer(server.connection, request, model, restorations)) as chunks:
        async for chunk in chunks:
            answer += chunk.text
            report(f"{answer.count(chr(10)) + 1} lines", None)
            if chunk.finish_reason == "length":  # its last line may parse all the same
                answer = answer[: answer.rfind("\n") + 1]
    return answer
