"""How models that were trained to fill gaps are shown one: by tokens of their own round the code before and after it.

Input: what a far end tells of its model. Output: a `Gap`, a template with what ends its answer; None for models that
only go on from where a text ends. A table, one family a row; nothing is concatenated elsewhere, since some families
want the code after the gap first. Knows nothing of what stands in the code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gap:
    """The strings round {prefix} and {suffix}, and those round other files of the repository, shown before."""

    template: str
    stop: tuple[str, ...]
    opening: str = ""  # of a prompt with other files
    file: str = ""  # one file: {path} and {text}; empty where a family has no such form

    @property
    def tokens(self) -> tuple[str, ...]:
        """The strings of the template that the model's tokenizer must have as special tokens."""
        return tuple(part.strip() for part in re.split(r"\{\w+\}", self.template) if part.strip())

    def text(self, prefix: str, suffix: str) -> str:
        """Return the gap between two texts."""
        return _filled(self.template, {"prefix": prefix, "suffix": suffix})

    def file_text(self, path: str, text: str) -> str:
        """Return one other file."""
        return _filled(self.file, {"path": path, "text": text})


def _filled(template: str, texts: dict[str, str]) -> str:
    """Return a template with its fields filled; braces in the texts mean nothing."""
    return re.sub(r"\{(\w+)\}", lambda field: texts[field[1]], template)


_BARRED = "<|fim_prefix|>{prefix}<|fim_suffix|>{suffix}<|fim_middle|>"
_STAR = "<fim_prefix>{prefix}<fim_suffix>{suffix}<fim_middle>"

# Family -> gap; the first whose tokens a model has is its own.
GAPS: dict[str, Gap] = {
    # Qwen2.5-Coder README, "Fill in the middle" and "Repository-level"; its model cards name the stops
    "qwen": Gap(
        _BARRED,
        ("<|endoftext|>", "<|fim_pad|>", "<|file_sep|>", "<|repo_name|>", "<|im_end|>"),
        "<|repo_name|>repository\n",
        "<|file_sep|>{path}\n{text}\n",
    ),
    "codegemma": Gap(_BARRED, ("<|file_separator|>", "<eos>")),  # CodeGemma's model card
    "granite": Gap(_BARRED, ("<|end_of_text|>",)),  # Granite 4, ibm.com/granite/docs
    # StarCoder2 (Lozhkov et al., 2024), appendix on formatting; Stable-code and CodeQwen use the same tokens
    "starcoder": Gap(
        _STAR,
        ("<|endoftext|>", "<file_sep>", "<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
        "<repo_name>repository\n",
        "<file_sep>{path}\n{text}\n",
    ),
    # DeepSeek-Coder README, "Code Insertion" and "Repository Level Code Completion", which marks files by a comment
    "deepseek": Gap("<｜fim▁begin｜>{prefix}<｜fim▁hole｜>{suffix}<｜fim▁end｜>", ("<｜end▁of▁sentence｜>", "<|EOT|>")),
    # Code Llama (Roziere et al., 2023) and its generation.py: 7B and 13B; 34B and the Python models have none of these
    "codellama": Gap("<PRE> {prefix} <SUF>{suffix} <MID>", ("<EOT>",)),
    "codestral": Gap("[SUFFIX]{suffix}[PREFIX]{prefix}", ("[PREFIX]", "[SUFFIX]")),  # mistral-common, FIM of v3
    "seed-coder": Gap("<[fim-prefix]>{prefix}<[fim-suffix]>{suffix}<[fim-middle]>", ("<[end▁of▁sentence]>",)),
}
# Tokens that only one of the families with the same gap has.
_OWN = {"qwen": "<|file_sep|>", "codegemma": "<|file_separator|>"}
# Chat models that have the tokens and were not trained to use them (DeepSeek-Coder issue 80).
_UNTRAINED = re.compile(r"deepseek.*instruct|codefuse", re.I)


def gap_of(model_name: str, special_tokens: Iterable[str]) -> str:
    """Return the family whose gaps a model fills, by the special tokens that it tells; '' where it fills none."""
    told = {token.lstrip("▁") for token in special_tokens}
    if _UNTRAINED.search(model_name):
        return ""
    for family, gap in GAPS.items():
        if told.issuperset(gap.tokens) and _OWN.get(family, gap.tokens[0]) in told:
            return family
    return ""
