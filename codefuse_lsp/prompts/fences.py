"""Code into Markdown fences, and out of the answers of models, which may hold fences or none.

Pure text in, pure text out. Knows nothing of prompts.
"""

from __future__ import annotations

import re

from codefuse_lsp.prompts.languages import fence_name

END_OF_FENCE = "\n```"  # the stop string of an answer whose prefill opened a fence
_FENCED = re.compile(r"^[ \t]*(?P<ticks>`{3,}|~{3,})[^\n`]*\n(?P<code>.*?)(?:^[ \t]*(?P=ticks)[ \t]*$|\Z)", re.M | re.S)


def fenced(text: str, language: str) -> str:
    """Return `text` as a fenced block that nothing in it can close."""
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}{fence_name(language)}\n{text.strip(chr(10))}\n{ticks}\n"


def code_of(answer: str) -> str:
    """Return the code of an answer: that of its longest fence, open or closed, or all of it where there is none."""
    return max((match["code"] for match in _FENCED.finditer(answer)), key=len, default=answer)


def before_fence_end(answer: str) -> str:
    """Return the part of an answer before the line that closes the fence its prefill opened."""
    end = re.search(r"^[ \t]*```", answer, re.M)
    return answer[: end.start()] if end else answer
