"""References that a message names in its words: `@file:src/area.py`, `@symbol:Shape.area`, `@diff`, `@diagnostics`.

A message in; what it mentions out, in order. An `@` alone, as before a decorator or a person's name, mentions nothing.
For editors that send words only; the others send references beside them. Knows nothing of files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST = 16  # of a message
_MENTION = re.compile(
    r"(?<![\w@/.])@(?:(?P<kind>file|symbol):(?:\"(?P<quoted>[^\"\n]+)\"|(?P<name>[^\s\"]+))"
    r"|(?P<alone>diff|diagnostics|selection|terminal)\b(?![:\w(-]|\.\w))"
)


@dataclass(frozen=True, slots=True)
class Mention:
    """A file or a symbol; or, without a name, what is staged, the problems, the selection or the terminal's output."""

    kind: str
    name: str = ""


def mentions(message: str) -> list[Mention]:
    """Return what a message mentions, each once."""
    found = (
        Mention(match["kind"] or match["alone"], match["quoted"] or (match["name"] or "").rstrip(".,;:!?)]}'"))
        for match in _MENTION.finditer(message)
    )
    return list(dict.fromkeys(one for one in found if one.name or one.kind not in ("file", "symbol")))[:MOST]
