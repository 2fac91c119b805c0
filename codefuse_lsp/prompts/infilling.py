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
    """The strings round {prefix} and {suffix}, and those round other files of the repository, shown before.

    The file with the gap may have its {path} and {language} there, too.
    """

    template: str
    stop: tuple[str, ...]
    opening: str = ""  # of a prompt with other files
    file: str = ""  # one of them: {path} and {text}; empty where a family has no such form
    last: str = ""  # the file with the gap, behind others

    @property
    def tokens(self) -> tuple[str, ...]:
        """The strings of the template that the model's tokenizer must have as special tokens."""
        return tuple(_TOKEN.findall(self.template))

    def text(self, files: Iterable[tuple[str, str]], **fields: str) -> str:
        """Return the gap in a file behind others, of which names and texts are given."""
        others = "".join(_filled(self.file, {"path": path, "text": text}) for path, text in files)
        return self.opening + others + _filled(self.last, fields) if others else _filled(self.template, fields)


_TOKEN = re.compile(r"<[^<>{}\s]+>|\[\w+\]")


def _filled(template: str, texts: dict[str, str]) -> str:
    """Return a template with its fields filled; braces in the texts mean nothing."""
    return re.sub(r"\{(\w+)\}", lambda field: texts[field[1]], template)


_BARRED = "<|fim_prefix|>{prefix}<|fim_suffix|>{suffix}<|fim_middle|>"
_STAR = "<fim_prefix>{prefix}<fim_suffix>{suffix}<fim_middle>"
_STAR_STOP = ("<|endoftext|>", "<fim_prefix>", "<fim_suffix>", "<fim_middle>")
_GEEX = (
    "###PATH:{path}\n###LANGUAGE:{language}\n###MODE:BLOCK\n"
    "<|code_suffix|>{suffix}<|code_prefix|>{prefix}<|code_middle|><|assistant|>\n"
)

# Family -> gap; the first whose tokens a model has is its own.
GAPS: dict[str, Gap] = {
    # Qwen2.5-Coder Technical Report (Hui et al., 2024), file-level and repo-level FIM; its model cards name the stops
    "qwen": Gap(
        _BARRED,
        ("<|endoftext|>", "<|fim_pad|>", "<|file_sep|>", "<|repo_name|>", "<|im_end|>"),
        "<|repo_name|>repository\n",
        "<|file_sep|>{path}\n{text}\n",
        "<|file_sep|>{path}\n" + _BARRED,
    ),
    "codegemma": Gap(_BARRED, ("<|file_separator|>", "<eos>")),  # CodeGemma's model card
    "granite": Gap(_BARRED, ("<|end_of_text|>",)),  # Granite 4, ibm.com/granite/docs
    # Refact-1.6B: refact, known_models.json (FIM-SPM) and code_completion_fim.rs; StarCoder's tokens, the suffix first
    "refact": Gap("<|endoftext|><fim_suffix>{suffix}<fim_prefix>{prefix}<fim_middle>", _STAR_STOP),
    # StarCoder2 (Lozhkov et al., 2024), section 5.1: the path stands inside the gap's own prefix
    "starcoder": Gap(
        _STAR,
        (*_STAR_STOP, "<file_sep>"),
        "<repo_name>repository",
        "<file_sep>{path}\n{text}\n",
        "<file_sep>" + _STAR.replace("{prefix}", "{path}\n{prefix}"),
    ),
    "starcoder1": Gap(_STAR, _STAR_STOP),  # StarCoder (Li et al., 2023); Stable-code and CodeQwen use the same tokens
    # CodeGeeX4's README, "infilling", and its guide to cross-file infilling; [gMASK]<sop> begins every text of GLM-4
    "codegeex": Gap(
        "[gMASK]<sop><|user|>\n" + _GEEX,
        ("<|user|>", "<|assistant|>", "<|observation|>", "<|endoftext|>"),
        "[gMASK]<sop><|user|>\n",
        "###REFERENCE:\n###PATH:{path}\n{text}\n",
        "\n" + _GEEX,
    ),
    # DeepSeek-Coder README, "Code Insertion" and "Repository Level Code Completion", which marks files by a comment
    "deepseek": Gap("<｜fim▁begin｜>{prefix}<｜fim▁hole｜>{suffix}<｜fim▁end｜>", ("<｜end▁of▁sentence｜>", "<|EOT|>")),
    # Code Llama (Roziere et al., 2023) and its generation.py: 7B and 13B; 34B and the Python models have none of these
    "codellama": Gap("<PRE> {prefix} <SUF>{suffix} <MID>", ("<EOT>",)),
    "codestral": Gap("[SUFFIX]{suffix}[PREFIX]{prefix}", ("[PREFIX]", "[SUFFIX]")),  # mistral-common, FIM of v3
    "seed-coder": Gap("<[fim-prefix]>{prefix}<[fim-suffix]>{suffix}<[fim-middle]>", ("<[end▁of▁sentence]>",)),
}
# Tokens that only one of the families with the same gap has, and the names of one that has none of its own.
_OWN = {"qwen": "<|file_sep|>", "codegemma": "<|file_separator|>", "starcoder": "<file_sep>"}
_NAMED = {"refact": re.compile("refact", re.I)}
# Chat models that have the tokens and were not trained to use them (DeepSeek-Coder issue 80).
_UNTRAINED = re.compile(r"deepseek.*instruct|codefuse", re.I)


def gap_of(model_name: str, special_tokens: Iterable[str]) -> str:
    """Return the family whose gaps a model fills, by the special tokens that it tells; '' where it fills none."""
    told = {token.lstrip("▁") for token in special_tokens}
    if _UNTRAINED.search(model_name):
        return ""
    for family, gap in GAPS.items():
        if family in _NAMED and not _NAMED[family].search(model_name):
            continue
        if told.issuperset(gap.tokens) and _OWN.get(family, gap.tokens[0]) in told:
            return family
    return ""
