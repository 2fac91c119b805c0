"""How turns are written for each family of models, and where the answer begins.

Input: a model's format and turns. Output: a frozen `Prompt`, whose text ends where the model goes on. Every text of a
turn is escaped here, so that no caller can forget it. Knows nothing of tokens or of what the turns are about.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Literal

from codefuse_lsp.errors import ConfigError
from codefuse_lsp.prompts.escape import Restorer, escape, usable
from codefuse_lsp.prompts.infilling import GAPS

Role = Literal["system", "human", "bot"]


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side says."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """Text for the model to go on from, and what ends its answer; `heal` is what the answer has to begin with."""

    text: str
    stop: tuple[str, ...]
    heal: str = ""
    messages: tuple[tuple[str, str], ...] = ()  # OpenAI's role and content, where the far end writes the prompt


@dataclass(frozen=True, slots=True)
class ModelFormat:
    """What has to be known of a model to write prompts for it."""

    name: str = "plain"  # a name of `FORMATS`
    chat_template: str | None = None
    special_tokens: tuple[str, ...] = ()
    bos_token: str = ""
    eos_token: str = ""
    turn_separator: str = ""  # between the turns of the codefuse format
    gap: str = ""  # a family of `infilling.GAPS`, of models that were trained to fill gaps

    def __post_init__(self) -> None:
        if self.name not in FORMATS:
            raise ConfigError(f"There is no prompt format '{self.name}'. Set prompt_format to {', '.join(FORMATS)}.")
        if self.name == "chat_template" and not self.chat_template:
            raise ConfigError(
                "The model has no chat template. Set prompt_format to codefuse, mft or plain, "
                "or leave it empty to have it chosen by the model's name."
            )

    @property
    def is_chat(self) -> bool:
        """Whether the format has turns, so that an instruction can be given."""
        return self.name != "plain"

    @property
    def takes_prefill(self) -> bool:
        """Whether the beginning of the answer can be given; else it can only be asked for."""
        return self.name != "messages"


@dataclass(frozen=True, slots=True)
class RoleTags:
    """A format whose turns are texts between fixed strings."""

    opening: str  # {role} stands for system, human or bot
    closing: str
    bot_closing: str  # {eos} stands for the model's end-of-sequence token
    eos: str  # where the model does not tell one
    stop: tuple[str, ...]


# CodeFuse role tags: model card of CodeFuse-CodeLlama-34B and its quick start; MFTCoder mftcoder_atorch/README.md.
# MFT: MFTCoder v0.3 and later, mftcoder_accelerate chat_template.py (a line end after each question).
ROLE_TAGS = {
    "codefuse": RoleTags(
        opening="<|role_start|>{role}<|role_end|>",
        closing="",
        bot_closing="{eos}",
        eos="</s>",
        stop=("<|role_start|>", "<|role_end|>"),
    ),
    "mft": RoleTags(
        opening="<s>{role}\n",
        closing="\n",
        bot_closing="{eos}\n",
        eos="",
        stop=("<s>human", "<s>bot", "<s>system"),
    ),
}
FORMATS = (*ROLE_TAGS, "chat_template", "plain", "messages")
# What the templates of common families put round turns: a far end that writes the prompt does not tell its own.
COMMON_TAGS = (
    *("<|im_start|>", "<|im_end|>", "<|endoftext|>"),  # ChatML: Qwen, SmolLM2
    *("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),  # Llama 3
    *("[INST]", "[/INST]", "<<SYS>>", "<</SYS>>"),  # Llama 2, Mistral
    *("<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"),  # Gemma
    *("<|system|>", "<|user|>", "<|assistant|>", "<|end|>"),  # Phi, Zephyr
    *("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>"),  # DeepSeek
    *("<|start|>", "<|message|>", "<|channel|>", "<|return|>"),  # gpt-oss
    *ROLE_TAGS["codefuse"].stop,
)
LLAMA_TOKENS = ("<s>", "</s>", "<unk>")  # special in the tokenizers of all the models the role tags were made for
# Tokenizers that put these before every text; without roles to do it, the prompt carries them itself.
LEADING_BOS = frozenset({"<s>", "<|begin_of_text|>", "<bos>", "<｜begin▁of▁sentence｜>"})
# Model names, in the order they are tried; repacks (-4bits, -GPTQ, -AWQ, -GGUF) keep the name and the format.
NAMES = (
    (re.compile(r"codefuse[-_]?codellama", re.I), "codefuse"),
    (re.compile(r"codefuse[-_]?starcoder[-_]?15b", re.I), "codefuse"),
    (re.compile(r"codefuse[-_]?(deepseek|starcoder2|mixtral|qwen|codegeex2)", re.I), "mft"),
)


def format_for(model_name: str, chat_template: str | None) -> str:
    """Return the format of a model by its name, or the path it lies at; else by whether it has a chat template."""
    path = PurePosixPath(model_name.replace("\\", "/"))
    in_hub_cache = next((part for part in path.parts if part.startswith("models--")), None)
    name = in_hub_cache or path.name
    known = next((form for pattern, form in NAMES if pattern.search(name)), None)
    return known or ("chat_template" if chat_template else "plain")


def render(model: ModelFormat, turns: Sequence[Turn], prefill: str = "", heal: str = "") -> Prompt:
    """Return the turns as one text that ends with the opening of the bot's turn and `prefill`."""
    tags = tags_of(model)
    turns = [Turn(turn.role, escape(turn.text, tags)) for turn in turns]
    prefill = escape(prefill, tags)
    if model.name == "messages":
        return Prompt("\n\n".join(turn.text for turn in turns), (), heal, tuple(_messages(turns)))
    if model.name == "chat_template":
        text = _from_template(model, turns, prefill)
    elif model.name == "plain":
        text = _plain(model, turns) + prefill
    else:
        text = _tagged(model, turns) + prefill
    return Prompt(text, stops_of(model), heal)


@lru_cache(maxsize=16)
def tags_of(model: ModelFormat) -> tuple[str, ...]:
    """Return all strings that must not come out of a buffer as they are."""
    tags = [*LLAMA_TOKENS, *model.special_tokens, model.bos_token, model.eos_token]
    if model.name in ROLE_TAGS:
        tags += ROLE_TAGS[model.name].stop
    elif model.name == "messages":
        tags += COMMON_TAGS
    if model.gap:
        tags += [*GAPS[model.gap].tokens, *GAPS[model.gap].stop]
    if model.name == "chat_template":
        from codefuse_lsp.prompts.chat_template import template_tags  # jinja2 only for those who need it

        tags += template_tags(model.chat_template or "")
    return tuple(usable(tags))


def stops_of(model: ModelFormat) -> tuple[str, ...]:
    """Return the strings that end an answer, since a model that writes one begins a turn that is not its own."""
    if model.name == "chat_template":
        from codefuse_lsp.prompts.chat_template import template_stops

        return template_stops(model.chat_template or "", model.bos_token, model.eos_token)
    return ROLE_TAGS[model.name].stop if model.name in ROLE_TAGS else ()


def restorer(model: ModelFormat) -> Restorer:
    """Return what turns the pieces of an answer back into the text that was meant."""
    return Restorer(tags_of(model))


def _tagged(model: ModelFormat, turns: Sequence[Turn]) -> str:
    tags = ROLE_TAGS[model.name]
    separator = model.turn_separator if model.name == "codefuse" else ""
    bot_closing = tags.bot_closing.replace("{eos}", model.eos_token or tags.eos)
    closings = {"system": tags.closing, "human": tags.closing, "bot": bot_closing}
    said = [tags.opening.replace("{role}", turn.role) + turn.text + closings[turn.role] for turn in turns]
    return separator.join([*said, tags.opening.replace("{role}", "bot")])


def _from_template(model: ModelFormat, turns: Sequence[Turn], prefill: str) -> str:
    from codefuse_lsp.prompts.chat_template import render_template

    messages = [{"role": role, "content": content} for role, content in _messages(turns)]
    return render_template(model.chat_template or "", messages, model.bos_token, model.eos_token, prefill)


def _messages(turns: Sequence[Turn]) -> list[tuple[str, str]]:
    messages: list[tuple[str, str]] = []
    for turn in turns:
        role = {"human": "user", "bot": "assistant"}.get(turn.role, turn.role)
        if messages and messages[-1][0] == role:  # many templates refuse two turns of one side in a row
            messages[-1] = (role, f"{messages[-1][1]}\n\n{turn.text}")
        else:
            messages.append((role, turn.text))
    return messages


def render_gap(model: ModelFormat, files: Sequence[tuple[str, str]], heal: str, **gap: str) -> Prompt:
    """Return the prompt for the code between a `prefix` and a `suffix`, of a model that fills gaps.

    `files` are names and texts of the repository's other code, for families that have a form for it. The file with the
    gap has a `path` and a `language`, too.
    """
    family, tags = GAPS[model.gap], tags_of(model)
    others = [(escape(path, tags), escape(text, tags)) for path, text in files]
    text = family.text(others, **{name: escape(part, tags) for name, part in gap.items()})
    return Prompt(_bos(model) + text, family.stop, heal)


def _bos(model: ModelFormat) -> str:
    return model.bos_token if model.bos_token in LEADING_BOS else ""


def _plain(model: ModelFormat, turns: Sequence[Turn]) -> str:
    return _bos(model) + "".join(text + "\n\n" for turn in turns if (text := turn.text.strip("\n")))
