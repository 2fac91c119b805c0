"""The methods that are ours: `codefuse/*`, each with its params and its result, a file for each capability.

A client that wants the notifications sets `capabilities.experimental.codefuse`.
"""

from codefuse_lsp.lsp.protocol import actions, chat, conversations, edit, references, status, suggestions

CUSTOM = (
    actions.METHODS
    | chat.METHODS
    | conversations.METHODS
    | edit.METHODS
    | references.METHODS
    | status.METHODS
    | suggestions.METHODS
)
