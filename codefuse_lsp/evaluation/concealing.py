"""Keeps the secrets of a repository out of what is written down of its evaluation.

What is shown in a gap holds the secrets that the model's placeholders stand for. A text in, the same text with the
placeholders, and back again for scoring, as far as the gap's own document holds the secret: a placeholder depends on
the secret and this user's key alone. Knows nothing of how a text is come by.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.context.secrets import PREFIX, conceal, redact
from codefuse_lsp.context.snippets import Snippet
from codefuse_lsp.evaluation.gaps import Gap
from codefuse_lsp.suggestions.surroundings import Shown, Surroundings


class WatchedSurroundings(Surroundings):
    """A folder's surroundings, which know what secrets were taken out of the prompts of each document."""

    def __init__(self, folder: Path, ignored: Sequence[str], languages_off: Sequence[str], key_folder: Path) -> None:
        super().__init__([folder], ignored, languages_off, key_folder=key_folder)
        self._taken_out: dict[str, dict[str, str]] = {}  # by URI: placeholder -> secret

    def shown(self, context: CursorContext, snippets: Sequence[Snippet]) -> Shown:
        """Return code as a model may read it."""
        found = super().shown(context, snippets)
        if found.restorations:
            self._taken_out.setdefault(context.uri, {}).update(found.restorations)
        return found

    def concealed(self, uri: str, text: str) -> str:
        """Return what is shown in a document without the secrets of its prompts, which are forgotten with that."""
        taken_out = self._taken_out.pop(uri, {})
        return conceal(text.replace("\r\n", "\n"), taken_out) if taken_out else text


def revealed(gap: Gap, text: str, key: bytes) -> str:
    """Return what was shown in a gap with the secrets of its document in it again."""
    return redact(gap.filled(gap.missing), key).restore(text) if PREFIX in text else text
