r"""What a terminal showed, as plain text: no colours, no cursor movements, and of a redrawn line what stood there last.

Input: a terminal's output. Output: text with '\n' as line end. Pure; knows nothing of who ran what. Control sequences
are those of ECMA-48 (CSI, OSC and the other strings, and two-character escapes).
"""

from __future__ import annotations

import re

MAX_CHARS = 200_000  # the end of what a terminal showed says what came out of it
_SEQUENCE = re.compile(
    r"\x1b\[[0-?]{0,64}[ -/]{0,16}[@-~]?"  # CSI: colours, cursor
    r"|\x1b[\]PX^_][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)?"  # OSC, DCS, SOS, PM, APC: titles, links
    r"|\x1b[ -/]{0,16}[0-~]?"  # other escapes
)
_BACKSPACED = re.compile(r"[^\n\x08]\x08")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain_text(output: str) -> str:
    """Return what a terminal showed."""
    text = _SEQUENCE.sub("", output[-MAX_CHARS:]).replace("\r\n", "\n")
    while "\x08" in text and (shorter := _BACKSPACED.sub("", text)) != text:
        text = shorter
    lines = (_last_drawn(line) for line in text.split("\n"))
    return _CONTROL.sub("", "\n".join(lines).replace("\t", "    "))


def _last_drawn(line: str) -> str:
    """Return what stands in a line that was written over from its beginning, as progress bars are."""
    drawn = [part for part in line.split("\r") if part]
    return drawn[-1].rstrip() if drawn else ""
