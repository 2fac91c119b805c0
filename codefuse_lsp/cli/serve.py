"""`codefuse-lsp serve`: hold the model and answer whoever may ask."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from codefuse_lsp.cli import screen
from codefuse_lsp.config import Settings
from codefuse_lsp.generation.request import ModelCard
from codefuse_lsp.prompts.formats import Turn, format_for, render, restorer
from codefuse_lsp.suggestions.requests import model_format

if TYPE_CHECKING:
    from codefuse_lsp.worker.chat_api import Message, RenderChat

ROLES = {"system": "system", "user": "human", "assistant": "bot"}  # OpenAI's and ours


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Serve until told to stop."""
    from codefuse_lsp.worker import serve
    from codefuse_lsp.worker.listen import Listen
    from codefuse_lsp.worker.state import Worker
    from codefuse_lsp.worker.users import KeyRing

    listen = Listen(
        options.socket,
        options.host,
        options.port,
        KeyRing.read(options.api_key_file) if options.api_key_file else KeyRing(),
        options.tls_certificate,
        options.tls_key,
        options.announce,
    )
    serve.run(Worker(settings, format_for, chat_renderer(settings)), listen, _say)
    return 0


def chat_renderer(settings: Settings) -> RenderChat:
    """Return what writes messages as the model has learnt to read them, with no text able to become a role."""
    from codefuse_lsp.worker.chat_api import RenderedChat

    def render_chat(card: ModelCard, messages: Sequence[Message]) -> RenderedChat:
        model = model_format(card, settings)
        turns = [Turn(ROLES[message.role], message.content) for message in messages]  # type: ignore[arg-type]
        prompt = render(model, turns)
        return RenderedChat(prompt.text, prompt.stop, lambda: restorer(model))

    return render_chat


def _say(sentence: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        screen.err.print(sentence, markup=False, soft_wrap=True, highlight=False)
