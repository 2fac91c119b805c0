"""Where an action works."""

from __future__ import annotations

import attrs
from lsprotocol import types


@attrs.define
class Target:
    """The code that an action is about, and the version of the document in which it stood there."""

    uri: str
    range: types.Range
    version: int | None = None
