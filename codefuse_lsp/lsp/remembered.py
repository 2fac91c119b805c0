"""What chats of one editor window remember of each other: how each was told, the rules, and the workspace's paths."""

from __future__ import annotations

from dataclasses import dataclass, field

from codefuse_lsp.context.paths import Paths
from codefuse_lsp.context.rules import Rules
from codefuse_lsp.prompts.telling import Tellings


@dataclass(frozen=True, slots=True)
class Remembered:
    """Each part is empty at first and fills as it is asked."""

    tellings: Tellings = field(default_factory=Tellings)
    rules: Rules = field(default_factory=Rules)
    paths: Paths = field(default_factory=Paths)
