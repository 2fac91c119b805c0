"""Code from elsewhere as a prompt shows it: each piece under a comment that says where it stands.

Input: snippets. Output: text in the language of the cursor's file. Knows nothing of where snippets come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from codefuse_lsp.context.snippets import Snippet
from codefuse_lsp.prompts.languages import comment


def shown_path(path: str) -> str:
    """Return a file's name with its folder: what tells files apart, and no more of the disk."""
    return "/".join(PurePath(path).parts[-2:]).lstrip("/")


def snippets_text(snippets: Sequence[Snippet], language: str) -> str:
    """Return the snippets one after the other, '' where there are none."""
    parts = [f"{comment(f'From {shown_path(s.path)}:', language)}\n{s.text.rstrip()}\n" for s in snippets]
    return "\n".join(parts)
