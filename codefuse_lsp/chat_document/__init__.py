"""A chat as a Markdown text: what stands in it, and how it changes while an answer is written into it.

`turns` reads and prints; `edits` says which lines change. Knows nothing of editors or models.
"""

from codefuse_lsp.chat_document.turns import HEADINGS, SUFFIX, WRITING, DocumentTurn, parse, print_text, print_turns

__all__ = ["HEADINGS", "SUFFIX", "WRITING", "DocumentTurn", "parse", "print_text", "print_turns"]
