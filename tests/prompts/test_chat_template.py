import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.errors import ConfigError
from codefuse_lsp.prompts.chat_template import render_template, template_stops, template_tags
from codefuse_lsp.prompts.formats import ModelFormat, Turn, render, stops_of

SMOLLM2 = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n"
    "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}{{'<|im_start|>' +"
    " message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA = """
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] %}
    {%- set rest = messages[1:] %}
{%- else %}
    {%- set rest = messages %}
{%- endif %}
{%- for message in rest %}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Roles must alternate') }}
    {%- endif %}
    {%- if loop.index0 == 0 and system_message is defined %}
        {%- set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}
    {%- else %}
        {%- set content = message['content'] %}
    {%- endif %}
    {%- if message['role'] == 'user' %}
        {{- bos_token + '[INST] ' + content + ' [/INST]' }}
    {%- else %}
        {{- ' ' + content + ' ' + eos_token }}
    {%- endif %}
{%- endfor %}
"""
GEMMA = (  # knows no system role, and trims
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('No system role') }}{% endif %}"
    "{% for message in messages %}{{ '<start_of_turn>' + message['role'] + '\n' + message['content'] | trim +"
    " '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>assistant\n' }}{% endif %}"
)
DEAF = "{% for m in messages if m['role'] != 'system' %}### {{ m['role'] }}:\n{{ m['content'] }}\n{% endfor %}"


def messages(*contents: str, system: str = "") -> list[dict[str, str]]:
    said = [{"role": ("user", "assistant")[n % 2], "content": content} for n, content in enumerate(contents)]
    return [*([{"role": "system", "content": system}] if system else []), *said]


@pytest.fixture(scope="module")
def theirs():  # type: ignore[no-untyped-def]
    """transformers' own rendering, with a tokenizer that holds nothing but the special tokens."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel({"<unk>": 0}, unk_token="<unk>")), bos_token="<s>", eos_token="</s>"
    )

    def rendered(template: str, chat: list[dict[str, str]], **options: bool) -> str:
        return tokenizer.apply_chat_template(chat, chat_template=template, tokenize=False, **options)

    return rendered


@pytest.mark.parametrize("template", [SMOLLM2, LLAMA], ids=["smollm2", "llama"])
@pytest.mark.parametrize("system", ["", "Be brief."])
@pytest.mark.parametrize("said", [["H"], ["H", "B", "I"], ["  a\n\n", "b ", "c\n"]])
def test_a_template_is_rendered_as_transformers_renders_it(theirs, template: str, system: str, said: list[str]) -> None:  # type: ignore[no-untyped-def]
    chat = messages(*said, system=system)
    assert render_template(template, chat, "<s>", "</s>") == theirs(template, chat, add_generation_prompt=True)


@pytest.mark.parametrize("template", [SMOLLM2, LLAMA], ids=["smollm2", "llama"])
@pytest.mark.parametrize("prefill", ["    ", "def f():\n    ", "```python\nimport a", "\n", "<|im_end|>"])
def test_a_prefill_is_continued_as_transformers_continues_it(theirs, template: str, prefill: str) -> None:  # type: ignore[no-untyped-def]
    ours = render_template(template, messages("H"), "<s>", "</s>", prefill)
    assert ours == theirs(template, messages("H", prefill), continue_final_message=True)
    assert ours.endswith(prefill)


@given(st.text(" \n\tab", min_size=1), st.sampled_from([SMOLLM2, LLAMA, GEMMA, DEAF]))
def test_the_text_ends_exactly_with_the_prefill_even_where_the_template_trims(prefill: str, template: str) -> None:
    text = render_template(template, messages("H"), "<s>", "</s>", prefill)
    empty = render_template(template, messages("H"), "<s>", "</s>", "x")[:-1]
    assert text == empty + prefill


@pytest.mark.parametrize("template", [GEMMA, DEAF], ids=["refuses", "ignores"])
def test_a_system_text_goes_before_the_question_where_a_template_takes_none(template: str) -> None:
    text = render_template(template, messages("H", "B", "I", system="S"), "", "")
    assert text.count("S\n\nH") == 1
    assert text == render_template(template, messages("S\n\nH", "B", "I"), "", "")


def test_a_system_text_alone_becomes_the_question() -> None:
    assert render_template(DEAF, messages(system="S"), "", "") == "### user:\nS\n"


@pytest.mark.parametrize(
    ("template", "stops"),
    [
        (SMOLLM2, ("<|im_end|>", "<|im_start|>")),
        (LLAMA, ("[INST]",)),
        (GEMMA, ("<end_of_turn>", "<start_of_turn>")),
        (DEAF, ("### user:",)),
        ("{{ raise_exception('no') }}", ()),
    ],
)
def test_an_answer_ends_where_the_next_turn_would_begin(template: str, stops: tuple[str, ...]) -> None:
    assert template_stops(template, "<s>", "</s>") == stops
    assert stops_of(ModelFormat("chat_template", chat_template=template, bos_token="<s>", eos_token="</s>")) == stops


def test_the_tags_of_a_template_are_found_in_it() -> None:
    assert set(template_tags(SMOLLM2)) == {"<|im_start|>", "<|im_end|>"}
    assert template_tags(LLAMA)[:2] == ("<<SYS>>", "<</SYS>>")
    assert {"[INST]", "[/INST]"} < set(template_tags(LLAMA))
    assert "### user:" in template_tags(DEAF)


def test_two_turns_of_one_side_become_one_message() -> None:
    model = ModelFormat("chat_template", chat_template=LLAMA, bos_token="<s>", eos_token="</s>")
    text = render(model, [Turn("human", "H"), Turn("human", "I")]).text
    assert text == "<s>[INST] H\n\nI [/INST]"


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{% if %}", "Expected an expression"),
        ("{{ raise_exception('Only users speak') }}", "Only users speak"),
        ("{{ messages[0]['content'] + 1 }}", "can only concatenate"),
        ("{{ 1 // 0 }}", "zero"),
        ("{{ messages.__class__.__mro__ }}", "unsafe"),
        ("{{ messages.append(1) }}", "unsafe"),
        ("{% set n = namespace() %}{% set n.__class__ = 1 %}", "__class__"),
        ("{{ namespace(__init__=1) }}", "__init__"),
        ("{{ (dict.__globals__) }}{{ dict.__globals__.x }}", "unsafe|undefined"),
    ],
)
def test_a_template_that_fails_is_told_in_a_sentence(template: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=f"chat template cannot be used: .*({reason}).*prompt_format"):
        render_template(template, messages("H"), "", "")


def test_a_template_that_leaves_out_the_answer_is_told_in_a_sentence() -> None:
    with pytest.raises(ConfigError, match="leaves out the text of the last answer"):
        render_template("{{ messages[0]['content'] }}", messages("H"), "", "", "prefill")


def test_a_template_has_what_transformers_gives_it() -> None:
    template = (
        "{% generation %}{{ messages[0] | tojson }}{% endgeneration %}{% for n in [1, 2] %}{% if n == 2 %}{% break %}"
        "{% endif %}{{ n }}{% endfor %}{% set s = namespace(x=1) %}{% set s.x = 2 %}{{ s.x }}{{ dict(a='<').a }}"
        "{{ strftime_now('%%') }}"
    )
    assert render_template(template, messages("<é>"), "", "") == '{"role": "user", "content": "<é>"}12<%'
