"""Edits that were proposed and may still be accepted, whole or hunk by hunk, as long as the text is one they fit.

They fit the text they were made for, and what accepting some of their hunks has made of it. So hunks can be taken one
after the other, and after an undo. Knows nothing of models.
"""

from __future__ import annotations

import hashlib
import uuid
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from codefuse_lsp.edits.hunks import Hunk, applied
from codefuse_lsp.errors import CodeFuseError, DocumentChanged
from codefuse_lsp.lsp.document import Document

KEPT = 32  # proposals; older ones are forgotten


@dataclass(slots=True)
class Proposal:
    """Hunks of a document, and which of them each text that they fit holds already."""

    uri: str
    title: str  # what the user is asked to confirm
    hunks: list[Hunk]
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    fitting: dict[bytes, frozenset[str]] = field(default_factory=dict)  # digest of a text -> hunks applied in it

    def chosen(self, document: Document, ids: Sequence[str] | None) -> list[Hunk]:
        """Return the hunks to apply to a frozen document, in its lines, and remember what they make of it.

        Raises CodeFuseError for an unknown hunk, DocumentChanged for a text that they do not fit.
        """
        unknown = set(ids or ()) - {hunk.id for hunk in self.hunks}
        if unknown:
            raise CodeFuseError(f"This edit has no hunk {min(unknown)}.")
        there = self.fitting.get(_digest(document.source))
        if there is None:
            raise DocumentChanged("The document was changed meanwhile, so the edit does not fit it; please ask again.")
        wanted = {hunk.id for hunk in self.hunks} if ids is None else set(ids)
        found = [hunk for hunk in _moved(self.hunks, there) if hunk.id in wanted - there]
        self.fitting[_digest(applied(document.source, found))] = there | wanted
        return found

    def fits(self, text: str) -> None:
        """Take a text that has none of the hunks yet."""
        self.fitting[_digest(text)] = frozenset()


class Proposals:
    """The last proposals of one editor window."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Proposal] = OrderedDict()

    def keep(self, proposal: Proposal) -> None:
        """Remember a proposal."""
        self._kept[proposal.id] = proposal
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def find(self, proposal_id: str) -> Proposal:
        """Return a proposal; raises CodeFuseError for one that is not known, or not any more."""
        if proposal_id not in self._kept:
            raise CodeFuseError("This edit is not known any more; please ask again.")
        return self._kept[proposal_id]

    def discard(self, proposal_id: str) -> bool:
        """Forget a proposal; return whether it was known."""
        return self._kept.pop(proposal_id, None) is not None


def _moved(hunks: Sequence[Hunk], there: frozenset[str]) -> list[Hunk]:
    """Return the hunks where they stand in a text in which some of them are applied."""
    moved, shift = [], 0
    for hunk in hunks:
        moved.append(replace(hunk, start=hunk.start + shift, stop=hunk.stop + shift))
        if hunk.id in there:
            shift += _count(hunk.new) - _count(hunk.old)
    return moved


def _count(text: str) -> int:
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
