"""A suggestion made once more, of the answer and the place that the log has kept.

A `Given` in; what can be shown of it out, by the filters as they are now. The log holds the window that a model may
know, so the tree is that of the window: in a long file it may say less than the tree of the whole did.
"""

from __future__ import annotations

from dataclasses import replace

from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.context.trees import syntax_at
from codefuse_lsp.suggestions.cache import Hit
from codefuse_lsp.suggestions.filters import Place
from codefuse_lsp.suggestions.fitting import Fitted, fitted_on
from codefuse_lsp.suggestions.log import Given


def rebuilt(given: Given) -> Fitted:
    """Return what can be shown of an answer at its place."""
    here = CursorContext("", "", given.language, 0, given.prefix, given.suffix, given.line_end)
    line_end = here.suffix[len(here.line_suffix) :]  # an editor may have closed brackets before it since
    there = replace(here, prefix=here.prefix.removesuffix(given.typed), suffix=given.line_suffix + line_end)
    hit = Hit(given.rest, given.typed, Place(there, given.was_block, given.is_cut, given.opened))
    return fitted_on(
        hit, Place(here, given.block, opens=given.opened), syntax_at(given.language, given.prefix, given.suffix)
    )
