"""What spares the model requests: earlier answers, the pause between keystrokes, answers that are being written."""

from __future__ import annotations

from dataclasses import dataclass, field

from codefuse_lsp.suggestions.cache import AnswerCache
from codefuse_lsp.suggestions.debounce import Debounce
from codefuse_lsp.suggestions.stream import RunningAnswers


@dataclass(slots=True)
class Parts:
    """Those of one suggester; a measurement may put others in their places."""

    cache: AnswerCache = field(default_factory=AnswerCache)
    debounce: Debounce = field(default_factory=Debounce)
    running: RunningAnswers = field(default_factory=RunningAnswers)
