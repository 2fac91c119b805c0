"""Prompts of models that were trained to fill gaps, family by family."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.context.snippets import Snippet
from codefuse_lsp.prompts.completion import completion_prompt
from codefuse_lsp.prompts.formats import ModelFormat
from codefuse_lsp.prompts.infilling import GAPS, gap_of

QWEN = ("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|repo_name|>", "<|file_sep|>", "<|im_end|>")
GEEX = ("[gMASK]", "<sop>", "<|user|>", "<|assistant|>", "<|code_prefix|>", "<|code_middle|>", "<|code_suffix|>")
STAR = ("<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<file_sep>", "<repo_name>", "<|endoftext|>")


def context(drawn: str) -> CursorContext:
    prefix, _, suffix = drawn.partition("│")
    return CursorContext("file:///a.py", "/code/a.py", "python", 1, prefix, suffix)


@pytest.mark.parametrize(
    ("name", "tokens", "family"),
    [
        ("Qwen2.5-Coder-7B", QWEN, "qwen"),
        ("starcoder2-3b", STAR, "starcoder"),
        ("starcoder-1b", ("<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<reponame>", "<filename>"), "starcoder1"),
        ("Refact-1_6B-fim", (*STAR, "<filename>"), "refact"),
        ("refact-1.6b.gguf", ("<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<|endoftext|>"), "refact"),
        ("codegeex4-all-9b", GEEX, "codegeex"),
        ("glm-4-9b-chat", ("[gMASK]", "<sop>", "<|user|>", "<|assistant|>"), ""),
        ("codegemma-2b", ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|file_separator|>"), "codegemma"),
        ("granite-4", ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|end_of_text|>"), "granite"),
        ("CodeLlama-7b-hf", ("▁<PRE>", "▁<SUF>", "▁<MID>", "▁<EOT>"), "codellama"),
        ("deepseek-coder-6.7b-base", ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"), "deepseek"),
        ("deepseek-coder-6.7b-instruct", ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"), ""),
        ("CodeFuse-CodeLlama-34B", ("<s>", "</s>"), ""),
        ("SmolLM2-135M-Instruct", ("<|im_start|>", "<repo_name>", "<file_sep>"), ""),
    ],
)
def test_a_family_is_known_by_the_special_tokens_that_its_tokenizer_has(
    name: str, tokens: tuple[str, ...], family: str
) -> None:
    assert gap_of(name, tokens) == family


@pytest.mark.parametrize(
    ("family", "text"),
    [
        ("qwen", "<|fim_prefix|>a =<|fim_suffix|>\nb = 2\n<|fim_middle|>"),
        ("starcoder", "<fim_prefix>a =<fim_suffix>\nb = 2\n<fim_middle>"),
        ("codellama", "<PRE> a = <SUF>\nb = 2\n <MID>"),
        ("codestral", "[SUFFIX]\nb = 2\n[PREFIX]a ="),
        ("refact", "<|endoftext|><fim_suffix>\nb = 2\n<fim_prefix>a =<fim_middle>"),
        (
            "codegeex",
            "[gMASK]<sop><|user|>\n###PATH:code/a.py\n###LANGUAGE:Python\n###MODE:BLOCK\n"
            "<|code_suffix|>\nb = 2\n<|code_prefix|>a =<|code_middle|><|assistant|>\n",
        ),
    ],
)
def test_the_gap_is_shown_as_the_family_was_trained(family: str, text: str) -> None:
    prompt = completion_prompt(context("a = │\nb = 2\n"), ModelFormat(gap=family))
    assert (prompt.text, prompt.heal, prompt.stop) == (text, " ", GAPS[family].stop)


@pytest.mark.parametrize(
    ("family", "text"),
    [
        (
            "qwen",
            "<|repo_name|>repository\n<|file_sep|>lib/b.py\ndef b():\n    pass\n"
            "<|file_sep|>code/a.py\n<|fim_prefix|>a =<|fim_suffix|>\n<|fim_middle|>",
        ),
        (
            "starcoder",
            "<repo_name>repository<file_sep>lib/b.py\ndef b():\n    pass\n"
            "<file_sep><fim_prefix>code/a.py\na =<fim_suffix>\n<fim_middle>",
        ),
        (
            "codegeex",
            "[gMASK]<sop><|user|>\n###REFERENCE:\n###PATH:lib/b.py\ndef b():\n    pass\n\n"
            "###PATH:code/a.py\n###LANGUAGE:Python\n###MODE:BLOCK\n"
            "<|code_suffix|>\n<|code_prefix|>a =<|code_middle|><|assistant|>\n",
        ),
        ("deepseek", "<｜fim▁begin｜># From lib/b.py:\ndef b():\n    pass\n\na =<｜fim▁hole｜>\n<｜fim▁end｜>"),
        ("starcoder1", "<fim_prefix># From lib/b.py:\ndef b():\n    pass\n\na =<fim_suffix>\n<fim_middle>"),
    ],
)
def test_other_files_come_first_in_the_form_that_a_family_has_for_them_and_the_open_one_has_it_too(
    family: str, text: str
) -> None:
    other = Snippet("neighbours", "/code/lib/b.py", "python", 3, "def b():\n    pass\n", 1.0)
    assert completion_prompt(context("a = │\n"), ModelFormat(gap=family), [other]).text == text


@given(st.sampled_from(sorted(GAPS)), st.text(max_size=30), st.text(max_size=30))
def test_code_never_becomes_a_token_of_the_gap_nor_a_field_of_the_template(family: str, one: str, two: str) -> None:
    tokens = GAPS[family].tokens
    hostile = one + "".join(tokens) + "{prefix}{suffix}" + two
    prompt = completion_prompt(context(f"x({hostile} (│\n{hostile}\n"), ModelFormat(gap=family)).text
    assert all(prompt.count(token) == 1 for token in tokens)
    assert prompt.count("{prefix}{suffix}") >= 2
