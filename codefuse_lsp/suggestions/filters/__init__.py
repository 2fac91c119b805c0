"""From what a model wrote to what is worth showing. Small pure functions in one ordered tuple.

Text and its place in; text out, shorter or empty. Knows code's surface (lines, indentation, brackets, fences); knows
nothing of models, requests or editors. The openings settle where the text begins and how it is indented; the endings
cut it line by line, each from what stands before the cut only, so that a text that grows is cut alike; the last ones
judge what is left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from codefuse_lsp.suggestions.filters.echo import drop_copy_of_above, drop_echo, skip_line_so_far, stop_at_code_below
from codefuse_lsp.suggestions.filters.fit import swallowed
from codefuse_lsp.suggestions.filters.indentation import begin_at_cursor, use_file_style
from codefuse_lsp.suggestions.filters.lines import (
    cut_at_cell,
    drop_half_line,
    drop_loose_decorators,
    drop_loose_headers,
    keep_one_line,
    trim_end,
)
from codefuse_lsp.suggestions.filters.place import Place, grown
from codefuse_lsp.suggestions.filters.prose import (
    cut_at_explanation,
    cut_at_fence,
    cut_at_tag,
    skip_prose,
    unify_line_ends,
)
from codefuse_lsp.suggestions.filters.repetition import (
    stop_at_runaway,
    stop_at_same_block,
    stop_at_same_line,
    stop_at_similar_blocks,
    stop_at_similar_lines,
    stop_at_tail,
)
from codefuse_lsp.suggestions.filters.scope import has_left_scope, stop_at_dedent
from codefuse_lsp.suggestions.filters.worth import drop_comment_block, drop_too_short

__all__ = ["FILTERS", "Cut", "Filter", "Place", "filtered", "grown", "is_whole", "opened", "swallowed"]

Filter = Callable[[str, Place], str]

OPENINGS: tuple[Filter, ...] = (
    unify_line_ends,  # first: the others know one line end
    drop_half_line,  # before anything is cut: only the last line of all may be half
    skip_prose,
    skip_line_so_far,
    begin_at_cursor,
    use_file_style,  # before the endings: they compare depths
)
ENDINGS: tuple[Filter, ...] = (
    cut_at_fence,
    cut_at_tag,
    cut_at_cell,
    keep_one_line,
    cut_at_explanation,
    stop_at_dedent,
    stop_at_code_below,
    stop_at_runaway,
    stop_at_tail,
    stop_at_same_line,
    stop_at_same_block,
    stop_at_similar_lines,
    stop_at_similar_blocks,
)
JUDGEMENTS: tuple[Filter, ...] = (
    drop_loose_decorators,
    drop_loose_headers,
    drop_comment_block,
    drop_echo,
    drop_copy_of_above,
    drop_too_short,
    trim_end,  # last: the others read line ends
)
FILTERS: tuple[Filter, ...] = (*OPENINGS, *ENDINGS, *JUDGEMENTS)


@dataclass(frozen=True, slots=True)
class Cut:
    """What one filter took away: its name in words, its reason as a sentence, and the text that went."""

    name: str
    reason: str
    dropped: str


def filtered(text: str, place: Place) -> tuple[str, tuple[Cut, ...]]:
    """Return what is worth showing of a text, and what each filter took away; the last cut of an empty one ended it."""
    cuts = []
    place = grown(opened(text, place), place)
    for step in FILTERS:
        left = step(text, place)
        if "".join(left.split()) != "".join(text.split()):  # more than its white space has changed
            cuts.append(
                Cut(step.__name__.replace("_", " "), (step.__doc__ or "").splitlines()[0], _dropped(text, left))
            )
        text = left
        if not text.strip():
            return "", tuple(cuts)
    return text, tuple(cuts)


def _dropped(before: str, after: str) -> str:
    if before.startswith(after):
        return before[len(after) :]
    return before[: len(before) - len(after)] if before.endswith(after) else before


def opened(text: str, place: Place) -> str:
    """Return a text, whole or not, as somebody would type it: from the cursor on, in the file's style.

    What is shown of it is its beginning; so this is what an answer is kept as, to be found again while it is typed.
    """
    for step in OPENINGS:
        if step is not drop_half_line:
            text = step(text, place)
    return text


def is_whole(text: str, place: Place) -> bool:
    """Whether nothing that may still come could be shown.

    The endings judge whole lines, and what is cut within them stays cut; a line that leaves the block, or that says the
    same over and over, is known before its end.
    """
    written, text = text.strip(), opened(text, place)
    place = grown(text, place)
    if not place.block:
        return "\n" in text or len(stop_at_runaway(text, place)) < len(text)
    if written in ("`", "``"):
        return False  # a fence, perhaps, within which the code is
    if has_left_scope(text, place) or len(stop_at_runaway(text, place)) < len(text):
        return True
    return _ends_within(text[: text.rfind("\n") + 1], place)


@lru_cache(maxsize=8)
def _ends_within(head: str, place: Place) -> bool:
    """Whether whole lines have found their end; asked again and again while the next line is being written."""
    return any(len(step(head, place)) < len(head) for step in ENDINGS)
