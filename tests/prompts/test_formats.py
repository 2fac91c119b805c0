from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.errors import ConfigError
from codefuse_lsp.prompts.escape import JOINER
from codefuse_lsp.prompts.formats import FORMATS, ModelFormat, Turn, format_for, render, restorer, stops_of, tags_of

CODEFUSE = ModelFormat("codefuse", eos_token="</s>", special_tokens=("<s>", "</s>", "<unk>"))
MFT = ModelFormat("mft", eos_token="<｜end▁of▁sentence｜>")
PLAIN = ModelFormat("plain")
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'"
    " }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TEMPLATE = ModelFormat("chat_template", chat_template=CHATML, special_tokens=("<|im_start|>", "<|im_end|>"))
ALL = (CODEFUSE, MFT, TEMPLATE, PLAIN)
QUICK_START = "<|role_start|>human<|role_end|>write a python function of quick sort.<|role_start|>bot<|role_end|>"
QUICK_START_IDS = [
    *(529, 29989, 12154, 29918, 2962, 29989, 29958, 26029, 29966, 29989, 12154, 29918, 355, 29989, 29958),
    *(3539, 263, 3017, 740, 310, 4996, 2656, 19423, 29989, 12154, 29918, 2962, 29989, 29958),
    *(7451, 29966, 29989, 12154, 29918, 355, 29989, 29958),
]
TOKENIZER = Path(__file__).parents[3] / "shared/data/llama2-tokenizer"


def conversation() -> list[Turn]:
    return [Turn("system", "S"), Turn("human", "H"), Turn("bot", "B"), Turn("human", "I")]


def test_the_quick_start_of_the_model_card_comes_out_exactly() -> None:
    prompt = render(CODEFUSE, [Turn("human", "write a python function of quick sort.")])
    assert prompt.text == QUICK_START
    assert prompt.stop == ("<|role_start|>", "<|role_end|>")
    assert prompt.heal == ""


def test_the_quick_start_has_the_ids_of_the_model_card() -> None:
    if not TOKENIZER.is_dir():
        pytest.skip(f"NO TOKENIZER: the ids of the role tags were not checked, {TOKENIZER} is missing")
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(TOKENIZER))
    prompt = render(CODEFUSE, [Turn("human", "write a python function of quick sort.")])
    assert len(QUICK_START_IDS) == 37
    assert tokenizer(prompt.text, add_special_tokens=False)["input_ids"] == QUICK_START_IDS


def test_role_tags_stand_between_turns_with_nothing_else() -> None:
    start, end = "<|role_start|>", "<|role_end|>"
    text = f"{start}system{end}S{start}human{end}H{start}bot{end}B</s>{start}human{end}I{start}bot{end}"
    assert render(CODEFUSE, conversation()).text == text
    assert render(CODEFUSE, conversation(), "def f():").text == text + "def f():"


def test_the_turn_separator_stands_between_turns() -> None:
    model = ModelFormat("codefuse", turn_separator="\n")
    assert render(model, [Turn("human", "H")]).text == (
        "<|role_start|>human<|role_end|>H\n<|role_start|>bot<|role_end|>"
    )


def test_mft_turns_begin_with_s_and_end_with_a_line_end() -> None:
    prompt = render(MFT, conversation())
    assert prompt.text == "<s>system\nS\n<s>human\nH\n<s>bot\nB<｜end▁of▁sentence｜>\n<s>human\nI\n<s>bot\n"
    assert prompt.stop == ("<s>human", "<s>bot", "<s>system")


def test_a_plain_prompt_is_text_alone() -> None:
    assert render(PLAIN, [Turn("human", "# a\n"), Turn("human", "b")], "c").text == "# a\n\nb\n\nc"
    assert render(PLAIN, [], "c").stop == ()
    assert render(ModelFormat("plain", bos_token="<s>"), [], "c").text == "<s>c"
    assert (
        render(ModelFormat("plain", bos_token="<|im_start|>"), [], "c").text == "c"
    )  # marks turns: no tokenizer adds it


@pytest.mark.parametrize(
    ("model_name", "chat_template", "name"),
    [
        ("codefuse-ai/CodeFuse-CodeLlama-34B", None, "codefuse"),
        ("codefuse-ai/CodeFuse-CodeLlama-34B-4bits", "{{ x }}", "codefuse"),
        ("TheBloke/CodeFuse-CodeLlama-34B-GPTQ", None, "codefuse"),
        ("/models/codefuse-codellama-34b.Q4_K_M.gguf", None, "codefuse"),
        (r"C:\models\CodeFuse-CodeLlama-34B-AWQ", None, "codefuse"),
        ("/c/hub/models--codefuse-ai--CodeFuse-CodeLlama-34B/snapshots/0123abcd", None, "codefuse"),
        ("codefuse-ai/CodeFuse-StarCoder-15B", None, "codefuse"),
        ("codefuse-ai/CodeFuse-DeepSeek-33B-4bits", "{{ x }}", "mft"),
        ("CodeFuse-StarCoder2-15B", None, "mft"),
        ("CodeFuse-Mixtral-8x7B", None, "mft"),
        ("CodeFuse-QWen-14B/", None, "mft"),
        ("CodeFuse-CodeGeeX2-6B", None, "mft"),
        ("Qwen2.5-Coder-7B-Instruct", "{{ x }}", "chat_template"),
        ("/srv/codefuse-codellama/smollm2", "{{ x }}", "chat_template"),
        ("deepseek-coder-6.7b-base", None, "plain"),
        ("", None, "plain"),
    ],
)
def test_the_format_is_chosen_by_the_models_name_then_its_template(
    model_name: str, chat_template: str | None, name: str
) -> None:
    assert format_for(model_name, chat_template) == name


def test_an_unknown_format_is_refused_with_the_names_of_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"'alpaca'.*codefuse, mft, chat_template, plain"):
        ModelFormat("alpaca")
    with pytest.raises(ConfigError, match="no chat template"):
        ModelFormat("chat_template")
    assert FORMATS == ("codefuse", "mft", "chat_template", "plain", "messages")


@pytest.mark.parametrize("model", ALL, ids=lambda model: model.name)
def test_a_tag_in_a_text_is_no_tag_in_the_prompt(model: ModelFormat) -> None:
    hostile = "".join(tags_of(model)) + "".join(stops_of(model))
    turns = [Turn("system", hostile), Turn("human", hostile), Turn("bot", hostile), Turn("human", hostile)]
    harmless = [Turn(turn.role, "text") for turn in turns]
    prompt, clean = render(model, turns, hostile).text, render(model, harmless, "text").text
    assert {tag: prompt.count(tag) for tag in tags_of(model)} == {tag: clean.count(tag) for tag in tags_of(model)}
    assert JOINER in prompt and JOINER not in clean


PIECES = st.sampled_from(
    [*{tag for model in ALL for tag in tags_of(model)}, "<|", "role_start", "<", "s>", "|>", "\n", "x", JOINER]
)
TEXTS = st.lists(PIECES, max_size=8).map("".join)


@given(st.sampled_from(ALL), TEXTS, TEXTS, TEXTS)
def test_no_tag_arises_where_a_text_meets_the_scaffold(
    model: ModelFormat, system: str, human: str, prefill: str
) -> None:
    turns = [Turn("system", "." + system), Turn("human", human)]
    prompt = render(model, turns, prefill).text
    clean = render(model, [Turn("system", "."), Turn("human", "")], "." if prefill else "").text
    for tag in tags_of(model):
        assert prompt.count(tag) == clean.count(tag)


@given(st.sampled_from(ALL), TEXTS)
def test_a_model_that_repeats_the_prompt_gives_back_the_users_text(model: ModelFormat, text: str) -> None:
    prompt = render(model, [Turn("human", "q")], text).text
    shown = prompt[len(render(model, [Turn("human", "q")], "").text) :] if model.name != "chat_template" else None
    if shown is None:
        shown = prompt[prompt.rfind("assistant\n") + len("assistant\n") :]
    ear = restorer(model)
    assert "".join(map(ear.feed, shown)) + ear.flush() == text
