"""Reasons not to ask the model at all, the cheapest first.

Settings and a cursor in; a `Silence`, or None where the way is free. Knows nothing of what a model would say.
"""

from __future__ import annotations

from codefuse_lsp.config import Settings
from codefuse_lsp.context.ignore import Ignore
from codefuse_lsp.suggestions.asked import Asked
from codefuse_lsp.suggestions.outcome import Silence
from codefuse_lsp.suggestions.surroundings import Prepared


def before_looking(asked: Asked, settings: Settings, ignore: Ignore) -> Silence | None:
    """Return the reason that settings and rules give; user's wish or not, what is ignored never enters a prompt."""
    context = asked.context
    if not settings.completion:
        return Silence("off", "Ghost text is turned off (setting completion).")
    if context.language in settings.languages_off:
        return Silence("language off", f"Ghost text is turned off for {context.language} (setting languages_off).")
    if (rule := ignore.reason(context.path, context.language)) is not None:
        return Silence("ignored file", rule)
    if not context.prefix.strip() and not context.suffix.strip():
        return Silence("empty file", "There is no code yet to continue.")
    return None


def after_looking(prepared: Prepared) -> Silence | None:
    """Return the reason that the code round the cursor gives."""
    if prepared.shown.in_secret:
        return Silence("inside a secret", "The cursor stands in what looks like a key or a password.")
    if prepared.intent.reason:
        return Silence(prepared.intent.reason, prepared.intent.detail)
    return None
