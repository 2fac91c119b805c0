"""Reasons not to ask the model at all, the cheapest first.

Settings and a cursor in; a `Silence`, or None where the way is free. What needs a look at the disk or at a tree has
been looked up before. Knows nothing of what a model would say.
"""

from __future__ import annotations

from codefuse_lsp.config import Settings
from codefuse_lsp.suggestions.asked import Asked
from codefuse_lsp.suggestions.outcome import Silence
from codefuse_lsp.suggestions.surroundings import Prepared


def before_looking(asked: Asked, settings: Settings) -> Silence | None:
    """Return the reason that the settings give, an empty file where nobody asked, and one that is no text."""
    context = asked.context
    if not settings.completion:
        return Silence("off", "Ghost text is turned off (setting completion).")
    if context.language in settings.languages_off:
        return Silence("language off", f"Ghost text is turned off for {context.language} (setting languages_off).")
    if not asked.invoked and not context.prefix.strip() and not context.suffix.strip():
        return Silence("empty file", "There is no code yet to continue.")
    if "\0" in context.prefix or "\0" in context.suffix:
        return Silence("binary file", "The document holds characters that no text has.")
    return None


def after_looking(prepared: Prepared) -> Silence | None:
    """Return the reason that rules and the code round the cursor give.

    Whoever asked, what is ignored and what holds a secret never enters a prompt.
    """
    if prepared.forbidden:
        return Silence("ignored file", prepared.forbidden)
    if prepared.shown.in_secret:
        return Silence("inside a secret", "The cursor stands in what looks like a key or a password.")
    if prepared.intent.reason:
        return Silence(prepared.intent.reason, prepared.intent.detail)
    return None
