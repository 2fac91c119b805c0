"""Chat history in SQLite: turns in, turns out, found again and written out as Markdown. Knows no prompts or editors.

A conversation is a tree: each turn follows the one that it was asked or answered after, so that a second answer to a
question, or a question asked otherwise, stands beside the first, and nothing that was said is overwritten. Nothing is
ever deleted but what the user deletes: a year of daily use takes some tens of megabytes.
"""

from codefuse_lsp.conversations.store import Conversations
from codefuse_lsp.conversations.turns import ConversationError, Round, StoredTurn, Summary

__all__ = ["ConversationError", "Conversations", "Round", "StoredTurn", "Summary"]
