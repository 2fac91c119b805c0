"""From what a model wrote to the suggestion at a cursor, or the reason why it is not worth showing.

filters -> what stands right of the cursor -> soundness. Takes milliseconds where there is a tree, so it is called off
the event loop. Knows nothing of models or editors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from codefuse_lsp.context.soundness import is_flawless, is_sound, longest_sound
from codefuse_lsp.context.trees import SyntaxAt
from codefuse_lsp.suggestions.cache import Hit
from codefuse_lsp.suggestions.filters import Cut, Place, filtered, swallowed
from codefuse_lsp.suggestions.outcome import Outcome, Silence, Suggestion, new_id
from codefuse_lsp.suggestions.wanted import Wanted


@dataclass(frozen=True, slots=True)
class Fitted:
    """The outcome, and what each step took away on the way to it."""

    outcome: Outcome
    cuts: tuple[Cut, ...] = ()


def fitted(text: str, place: Place, syntax: SyntaxAt | None) -> Fitted:
    """Return the text as it can be shown, or the step that left nothing of it."""
    if not text.strip():
        return Fitted(Silence("nothing to add", "The model would write nothing here."))
    return _placed(*filtered(text, place), place, syntax)


@dataclass(frozen=True, slots=True)
class Weighed:
    """An outcome beside others: whether nothing is wrong with the file then, and how many names are left undefined."""

    outcome: Outcome
    is_flawless: bool = False
    undefined: int = 0


def weighed(text: str, place: Place, syntax: SyntaxAt | None, wanted: Wanted | None = None) -> Weighed:
    """Return what can be shown of a text, and how it fits; `wanted` is what the code below uses."""
    outcome = fitted(text, place, syntax).outcome
    if not isinstance(outcome, Suggestion):
        return Weighed(outcome, undefined=wanted.undefined if wanted else 0)
    shown = outcome.text.replace(place.context.line_end, "\n")
    undefined = wanted.left_by(shown, outcome.replaces) if wanted else 0
    return Weighed(outcome, is_flawless(syntax, shown, outcome.replaces), undefined)


def fitted_on(hit: Hit, place: Place, syntax: SyntaxAt | None) -> Fitted:
    """Return what can be shown of the rest of an answer, at the place to which the user has typed the answer's begin.

    The filters judge the whole, where it was written for: the middle of a line is no place to begin a block, and yet
    the block that was shown goes on there. And it leads to the same document, whatever an editor has closed meanwhile.
    """
    whole, cuts = filtered(hit.typed + hit.rest, hit.place)
    if not hit.typed or not whole.startswith(hit.typed):
        return fitted(hit.rest, replace(place, is_cut=hit.place.is_cut), syntax)
    shown, replaces = swallowed(whole, hit.place)
    left, closed = shown[len(hit.typed) :], len(place.context.line_suffix) - len(hit.place.context.line_suffix)
    is_same = shown.startswith(hit.typed) and 0 <= replaces + closed <= len(place.context.line_suffix)
    if is_same and left.strip() and is_sound(syntax, left, replaces + closed):
        return Fitted(Suggestion(new_id(), left.replace("\n", place.context.line_end), replaces + closed), cuts)
    return _placed(whole[len(hit.typed) :], cuts, place, syntax)


def _placed(text: str, cuts: tuple[Cut, ...], place: Place, syntax: SyntaxAt | None) -> Fitted:
    """Return what the filters left of a text as it can be shown beside what stands right of the cursor."""
    if not text:
        return Fitted(_silence(cuts), cuts)
    shown, replaces = swallowed(text, place)
    if not shown.strip():
        there = Cut("already there", "What the model would write stands right of the cursor already.", text)
        return Fitted(Silence(there.name, there.reason), (*cuts, there))
    sound, replaces = _sound(shown, replaces, place, syntax)
    if sound != shown:
        flaw = Cut("syntax", "It would bring a syntax error into the file.", shown[len(sound) :])
        cuts = (*cuts, flaw)
        if not sound.strip():
            return Fitted(Silence(flaw.name, flaw.reason), cuts)
    return Fitted(Suggestion(new_id(), sound.replace("\n", place.context.line_end), replaces), cuts)


def _silence(cuts: tuple[Cut, ...]) -> Silence:
    if not cuts:
        return Silence("typed to its end", "All that the model would write here has been typed.")
    return Silence(cuts[-1].name, cuts[-1].reason)


def _sound(text: str, replaces: int, place: Place, syntax: SyntaxAt | None) -> tuple[str, int]:
    """Return the longest part that brings no new syntax error, and how many characters it replaces."""
    part = longest_sound(syntax, text, replaces)
    if part == text or not part:
        return part, replaces
    part, replaces = swallowed(part, place)  # what closes right of the cursor may have been cut off
    return (part, replaces) if is_sound(syntax, part, replaces) else ("", 0)
