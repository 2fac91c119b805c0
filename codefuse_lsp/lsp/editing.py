"""Writing an edit: the lines that are meant, the prompt for them, and the new text as the model writes it.

Input: a frozen document, a range and an instruction. Output: a `Draft`. Knows nothing of what becomes of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import PurePath

from lsprotocol import types

from codefuse_lsp.answers import DEFAULT_CONTEXT_TOKENS, request_for, stream_answer
from codefuse_lsp.context.secrets import Excerpt
from codefuse_lsp.context.soundness import adds_flaws
from codefuse_lsp.context.syntax import LineSpan
from codefuse_lsp.edits.elisions import filled, left_out, resumed, segments_of
from codefuse_lsp.edits.hunks import Hunk, hunks
from codefuse_lsp.edits.indentation import indent_of, unit_of
from codefuse_lsp.edits.lines import is_blank, line_end_of, lines_of
from codefuse_lsp.edits.ranges import insertion, widened
from codefuse_lsp.edits.writing import Place, Writing, place_of
from codefuse_lsp.errors import CodeFuseError
from codefuse_lsp.generation.request import GenerationRequest, Priority
from codefuse_lsp.lsp.document import Document
from codefuse_lsp.lsp.server import CodeFuseServer
from codefuse_lsp.prompts.budget import TokenEstimate, usable_tokens
from codefuse_lsp.prompts.edit import EditPrompt, EditTask, edit_prompts
from codefuse_lsp.prompts.formats import ModelFormat
from codefuse_lsp.suggestions.requests import model_format

ROUND_LINES = 400  # before and behind the code, of which the prompt shows what fits
GROWTH = 1.5  # of the code, in tokens, that its answer has room for
LEAST_ANSWER = 256  # tokens that are added to that
NO_CODE = "The model wrote no code; please ask again in other words."
CUT = "The answer was cut at {tokens} tokens; behind its last whole line the old code follows."
LOST = "The answer ended early, and it is not certain where the old code goes on from there: select less of it."
LEFT_OUT = "The answer leaves out code, and it is not certain which: look at it closely."
NOTHING = "The model would change nothing here."
UNSOUND = "With this edit the file has a syntax error that it has not now."


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be edited, and how."""

    document: Document  # frozen
    range: types.Range
    instruction: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A new text for lines of a document; `hunks` are of the whole document."""

    document: Document
    span: LineSpan
    old: str
    new: str
    hunks: list[Hunk]
    finish_reason: str
    note: str


@dataclass(frozen=True, slots=True)
class _Plan:
    """The lines that are meant, where the answer goes, and what the model may read of it all."""

    span: LineSpan
    place: Place
    task: EditTask
    restorations: Mapping[str, str]


async def written(server: CodeFuseServer, job: Job, push: Callable[[str], None]) -> Draft:
    """Return what the model writes, passed to `push` on the way; a cancel ends it and keeps the finished lines.

    Raises CodeFuseError.
    """
    writing, reason, tokens, plan = None, "cancelled", 0, None
    try:
        plan = await asyncio.to_thread(_plan, server, job)
        model = model_format((await server.connection.wait()).card, server.settings)
        prompt, request = await _fitting(server, plan.task, model)
        writing, tokens = Writing(plan.place, prompt.ticks), request.max_tokens
        async with aclosing(stream_answer(server.connection, request, model, plan.restorations)) as chunks:
            async for chunk in chunks:
                if added := writing.feed(chunk.text):
                    push(added)
                reason = chunk.finish_reason or "cancelled"
    except asyncio.CancelledError:
        reason = "cancelled"  # an ordinary end: the client gets what was written so far
    if writing is not None and (added := writing.finish(complete=reason == "stop")):
        push(added)
    text = writing.text if writing is not None else ""
    if not text and reason != "cancelled":
        raise CodeFuseError(NO_CODE)
    return await asyncio.to_thread(_draft, job, plan, text, reason, tokens)


def _plan(server: CodeFuseServer, job: Job) -> _Plan:
    """Find out what is meant; it looks at the disk, so it runs in a thread. Raises CodeFuseError."""
    document = job.document
    if rule := server.rule_against(document):
        raise CodeFuseError(rule)
    lines = lines_of(document.source)
    span, indent = _meant(job, lines)
    code = "".join(lines[span.start : span.stop])
    first, last = max(0, span.start - ROUND_LINES), span.stop + ROUND_LINES
    text = "".join(lines[first:last])
    start = sum(map(len, lines[first : span.start]))
    stop = start + len(code)
    pieces = [Excerpt(text, start, stop), Excerpt(text, 0, start), Excerpt(text, stop), Excerpt(job.instruction)]
    code_shown, before, after, instruction = server.suggester.surroundings.redacted(pieces)
    task = EditTask(
        code=code_shown.text,
        before=before.text,
        after=after.text,
        instruction=instruction.text,
        language=document.language_id or "",
        path=PurePath(server.path_of(document)).name,
    )
    place = place_of(code, indent, unit_of(lines), line_end_of(document.source))
    return _Plan(span, place, task, code_shown.restorations)


def _meant(job: Job, lines: list[str]) -> tuple[LineSpan, str]:
    """Return the lines that a range means, and how deep they stand."""
    document = job.document
    start, stop = sorted((document.point(job.range.start), document.point(job.range.end)))
    if start == stop:
        return insertion(lines, start.line)
    last = stop.line + (1 if stop.column > 0 or stop.line == start.line else 0)
    span = widened(lines, document.language_id or "", LineSpan(start.line, min(last, len(lines))))
    if all(is_blank(line) for line in lines[span.start : span.stop]):
        return LineSpan(span.start, span.stop), insertion(lines, span.start)[1]
    return span, next(indent_of(line) for line in lines[span.start : span.stop] if not is_blank(line))


async def _fitting(server: CodeFuseServer, task: EditTask, model: ModelFormat) -> tuple[EditPrompt, GenerationRequest]:
    """Return the fullest prompt that leaves room for the answer, and its request. Raises CodeFuseError."""
    card, settings = (await server.connection.wait()).card, server.settings
    code_tokens, counted = await _count(server, task.code)
    answer = max(settings.chat_max_tokens, int(code_tokens * GROWTH) + LEAST_ANSWER)
    context = card.max_model_len or DEFAULT_CONTEXT_TOKENS
    room = usable_tokens(context - answer, counted=counted)
    for prompt in edit_prompts(task, model, settings.system_prompt):
        tokens, counted = await _count(server, prompt.prompt.text)
        if tokens <= room:
            request = request_for(prompt.prompt, settings, Priority.ACTION)
            # Greedy: most of the answer repeats the code, and what is not asked for must not change by chance.
            return prompt, replace(request, max_tokens=answer, temperature=0.0)
    raise CodeFuseError(
        f"The code to change is too long: with its answer it takes about {tokens + answer} tokens of the model's "
        f"{context}. Select less of it."
    )


async def _count(server: CodeFuseServer, text: str) -> tuple[int, bool]:
    counted = await server.connection.count_tokens(text) if text else 0
    return (TokenEstimate().tokens_in(len(text)), False) if counted is None else (counted, True)


def _draft(job: Job, plan: _Plan | None, text: str, reason: str, tokens: int) -> Draft:
    """Return the draft of a new text; one that was cut goes on with the old lines."""
    source = job.document.source
    lines = lines_of(source)
    span = plan.span if plan is not None else _meant(job, lines)[0]
    old = "".join(lines[span.start : span.stop])
    if not text:
        return Draft(job.document, span, old, old, [], reason, "")
    new = _ended(lines, span, text, line_end_of(source))
    notes = [CUT.format(tokens=tokens)] if reason == "length" else []
    if reason != "stop":
        whole = resumed(lines_of(old), lines_of(new))
        new = old if whole is None else "".join(whole)
        notes = [LOST] if whole is None else notes
    elif marks := left_out(lines_of(new), lines_of(old), job.document.language_id or ""):
        whole = filled(lines_of(old), segments_of(lines_of(new), marks), is_definition=True)
        new = new if whole is None else "".join(whole)
        notes += [LEFT_OUT] if whole is None else []
    before, after = "".join(lines[: span.start]), "".join(lines[span.stop :])
    found = hunks(source, before + new + after)
    if not found and reason == "stop":
        notes.append(NOTHING)
    if found and adds_flaws(source, before + new + after, job.document.language_id or ""):
        notes.append(UNSOUND)
    return Draft(job.document, span, old, new, found, reason, " ".join(notes))


def _ended(lines: list[str], span: LineSpan, text: str, line_end: str) -> str:
    """Return a text that ends as the lines do whose place it takes, so that the next line stays one of its own."""
    is_last = span.stop >= len(lines)
    if is_last and span.start < span.stop and not lines[-1].endswith(("\n", "\r")):
        return text
    lacks_end = span.start >= len(lines) and bool(lines) and not lines[-1].endswith(("\n", "\r"))
    return line_end + text if lacks_end else text + line_end
