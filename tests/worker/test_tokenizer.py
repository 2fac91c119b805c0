from __future__ import annotations

import gzip
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sentencepiece
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from codefuse_lsp.errors import ModelError
from codefuse_lsp.worker.tokenizer import Detokenizer, Tokenizer, load_tokenizer

QUICK_START = "<|role_start|>human<|role_end|>write a python function of quick sort.<|role_start|>bot<|role_end|>"
# The ids that CodeFuse-CodeLlama-34B's own tokenizer gives for its model card's quick start.
QUICK_START_IDS = [
    *(529, 29989, 12154, 29918, 2962, 29989, 29958, 26029, 29966, 29989, 12154, 29918, 355, 29989, 29958, 3539, 263),
    *(3017, 740, 310, 4996, 2656, 19423, 29989, 12154, 29918, 2962, 29989, 29958, 7451, 29966, 29989, 12154, 29918),
    *(355, 29989, 29958),
]

code = st.lists(
    st.one_of(
        st.sampled_from(
            ["    ", "\t", "\r\n", "\n", " ", "def f(x):", "return", "é", "é", "你好", "🙂", "👩‍👩‍👧", "\ufffd"]
        ),
        st.text(max_size=4),
    ),
    max_size=12,
).map("".join)
relaxed = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="session")
def tiny(tiny_llama: Path) -> Tokenizer:
    return load_tokenizer(tiny_llama)


@pytest.fixture(scope="session")
def pieces(piece_folder: Path) -> Tokenizer:
    return load_tokenizer(piece_folder)


@pytest.fixture(scope="session")
def llama2(llama2_folder: Path) -> Tokenizer:
    return load_tokenizer(llama2_folder)


@pytest.fixture(params=["tiny", "pieces", "llama2"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    found: Tokenizer = request.getfixturevalue(request.param)
    return found


def stream(tokenizer: Tokenizer, prompt_ids: list[int], token_ids: list[int]) -> tuple[list[str], str]:
    detokenizer = Detokenizer(tokenizer, prompt_ids)
    return [detokenizer.push(token_id) for token_id in token_ids], detokenizer.flush(complete=True)


@relaxed
@given(prompt=code, answer=code)
def test_streamed_text_is_the_whole_text_without_the_prompt(tokenizer: Tokenizer, prompt: str, answer: str) -> None:
    prompt_ids, answer_ids = tokenizer.encode(prompt), tokenizer.encode(answer)
    pushed, rest = stream(tokenizer, prompt_ids, answer_ids)
    whole = tokenizer.decode([*prompt_ids, *answer_ids])
    assert "".join(pushed) + rest == whole[len(tokenizer.decode(prompt_ids)) :]
    assert rest == ""
    assert "\ufffd" in answer or not any("\ufffd" in piece for piece in pushed)


@relaxed
@given(text=code)
def test_text_survives_the_tokenizer(tokenizer: Tokenizer, text: str) -> None:
    text = text.replace("▁", "")  # SentencePiece cannot tell it from a space
    assume(not any(token in text for token in tokenizer.special_tokens))  # escaped before they get here
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    pushed, rest = stream(tokenizer, [], ids)
    assert "".join(pushed) + rest == text


@relaxed
@given(text=code)
def test_decoding_is_what_the_tokenizers_library_says(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == tokenizer._backend.decode(ids, skip_special_tokens=True)


def test_a_continuation_keeps_its_first_space(tokenizer: Tokenizer) -> None:
    prompt, both = tokenizer.encode("return a"), tokenizer.encode("return a + b")
    assert both[: len(prompt)] == prompt
    pushed, _ = stream(tokenizer, prompt, both[len(prompt) :])
    assert "".join(pushed) == " + b"


def test_special_tokens_emit_nothing_and_do_not_begin_a_text(tokenizer: Tokenizer) -> None:
    eos = tokenizer.eos_ids[0]
    detokenizer = Detokenizer(tokenizer, [eos])
    first = tokenizer.encode("x")
    assert "".join(detokenizer.push(i) for i in (eos, *first, eos)) == "x"
    assert tokenizer.token_bytes(eos) is None


def test_half_a_character_is_dropped_when_the_answer_was_cut_and_shown_when_it_was_not(tiny: Tokenizer) -> None:
    half = tiny.encode("𝄞")[:2]  # no merge of the tiny vocabulary covers it: one byte a token
    for complete, text in ((True, "\ufffd"), (False, "")):
        detokenizer = Detokenizer(tiny, [])
        assert [detokenizer.push(i) for i in half] == ["", ""]
        assert detokenizer.flush(complete) == text


def test_invalid_bytes_hold_nothing_back_for_long(tiny: Tokenizer) -> None:
    lead = next(i for i in range(tiny.vocab_size) if tiny.token_bytes(i) == b"\xf0")
    stray = next(i for i in range(tiny.vocab_size) if tiny.token_bytes(i) == b"\xff")
    detokenizer = Detokenizer(tiny, [])
    assert "".join(detokenizer.push(i) for i in [lead] * 5) == "\ufffd" * 4
    assert detokenizer.push(stray) == "\ufffd\ufffd"
    assert "".join(detokenizer.push(i) for i in tiny.encode("ok")) == "ok"


def test_ids_beyond_the_vocabulary_mean_nothing(tokenizer: Tokenizer) -> None:
    assert tokenizer.token_bytes(tokenizer.vocab_size) is None
    assert tokenizer.token_bytes(-1) is None
    assert Detokenizer(tokenizer, []).push(10**9) == ""


def test_the_bytes_of_all_tokens_of_a_text_are_its_bytes(tiny: Tokenizer) -> None:
    text = "def f():\n\treturn 'é🙂'\r\n"
    assert b"".join(tiny.token_bytes(i) or b"" for i in tiny.encode(text)) == text.encode()


def test_several_threads_may_encode_at_once(tokenizer: Tokenizer) -> None:
    texts = [f"def f{n}(x):\n    return x + {n}\n" * 50 for n in range(32)]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(tokenizer.encode, texts)) == [tokenizer.encode(text) for text in texts]


def test_what_lies_beside_the_tokenizer_is_told(tiny: Tokenizer) -> None:
    assert tiny.special_tokens == ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
    assert (tiny.bos_token, tiny.eos_token, tiny.eos_ids) == ("<|im_start|>", "<|im_end|>", (2,))
    assert tiny.chat_template is not None and "<|im_start|>" in tiny.chat_template
    assert tiny.vocab_size == 400
    assert tiny.count("x = 1") == len(tiny.encode("x = 1"))


def test_every_token_that_ends_an_answer_is_known(tiny_llama: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_llama, tmp_path, dirs_exist_ok=True)
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": [2, 0]}')
    assert load_tokenizer(tmp_path).eos_ids == (2, 0)


def test_a_chat_template_may_lie_in_its_own_file_or_be_one_of_several(tiny_llama: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_llama, tmp_path, dirs_exist_ok=True)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    config["chat_template"] = [{"name": "default", "template": "D"}, {"name": "tool_use", "template": "T"}]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    assert load_tokenizer(tmp_path).chat_template == "D"
    (tmp_path / "chat_template.jinja").write_text("J")
    assert load_tokenizer(tmp_path).chat_template == "J"


def test_added_tokens_that_are_plain_text_are_not_special(tiny_llama: Path, tmp_path: Path) -> None:
    from tokenizers import AddedToken
    from tokenizers import Tokenizer as Backend

    shutil.copytree(tiny_llama, tmp_path, dirs_exist_ok=True)
    backend = Backend.from_file(str(tmp_path / "tokenizer.json"))
    backend.add_tokens([AddedToken("      ", normalized=False), AddedToken("<fim_prefix>", normalized=False)])
    backend.save(str(tmp_path / "tokenizer.json"))
    tokenizer = load_tokenizer(tmp_path)
    assert tokenizer.special_tokens == ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<fim_prefix>")
    assert tokenizer.token_bytes(400) == b"      "


# ── Llama checkpoints ──


TEXTS = (
    "\n    return x",
    "    return x",
    " x",
    "x\ty\r\n",
    "def f(a,  b):\n        return {'é': '🙂你好'}",
    "▁x",
    "",
    QUICK_START,
)


def test_a_checkpoint_with_only_tokenizer_model_gives_the_ids_of_sentencepiece(
    piece_folder: Path, pieces: Tokenizer
) -> None:
    truth = sentencepiece.SentencePieceProcessor(model_file=str(piece_folder / "tokenizer.model"))
    assert [pieces.encode(text) for text in TEXTS] == [truth.encode(text) for text in TEXTS]
    assert (pieces.bos_token, pieces.eos_token, pieces.eos_ids) == ("<s>", "</s>", (2,))
    assert pieces.encode("x", add_special_tokens=True) == [1, *truth.encode("x")]
    assert sorted(path.name for path in piece_folder.iterdir()) == ["tokenizer.model"]  # nothing was written


@relaxed
@given(text=code)
def test_any_text_gets_the_ids_of_sentencepiece(piece_folder: Path, pieces: Tokenizer, text: str) -> None:
    truth = sentencepiece.SentencePieceProcessor(model_file=str(piece_folder / "tokenizer.model"))
    text = text.replace("\0", "")  # SentencePiece reads C strings in places
    assume(not any(special in text for special in pieces.special_tokens))  # ours reads them as what they are
    assert pieces.encode(text) == truth.encode(text)


def test_no_space_comes_after_a_special_token_within_a_text(pieces: Tokenizer) -> None:
    ids = pieces.encode("x</s>\ny")
    after = ids[ids.index(2) + 1 :]
    assert b"".join(pieces.token_bytes(i) or b"" for i in after) == b"\ny"


def test_added_tokens_of_a_bare_tokenizer_model_are_taken_from_its_configuration(
    piece_folder: Path, piece_config: str, tmp_path: Path
) -> None:
    shutil.copy(piece_folder / "tokenizer.model", tmp_path)
    added = {"520": {"content": "<|call|>", "special": True, "normalized": False}}
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps(json.loads(piece_config) | {"added_tokens_decoder": added, "add_bos_token": False})
    )
    tokenizer = load_tokenizer(tmp_path)
    assert 520 in tokenizer.encode("x<|call|>y", add_special_tokens=True)
    assert tokenizer.encode("x", add_special_tokens=True) == tokenizer.encode("x")


def test_a_tokenizer_json_that_differs_from_tokenizer_model_is_not_used(
    piece_folder: Path, tiny_llama: Path, piece_config: str, tmp_path: Path, pieces: Tokenizer
) -> None:
    shutil.copy(piece_folder / "tokenizer.model", tmp_path)
    shutil.copy(tiny_llama / "tokenizer.json", tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(piece_config)
    assert load_tokenizer(tmp_path).encode(QUICK_START) == pieces.encode(QUICK_START)


def test_a_tokenizer_model_that_cannot_be_rebuilt_is_refused(tmp_path: Path) -> None:
    import io

    from tests.conftest import CODE

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CODE.splitlines()), model_writer=model, model_type="unigram", vocab_size=90,
        minloglevel=2,
    )  # fmt: skip
    (tmp_path / "tokenizer.model").write_bytes(model.getvalue())
    with pytest.raises(ModelError, match=r"other tokens here than in SentencePiece.*tokenizer\.json"):
        load_tokenizer(tmp_path)


def test_the_model_cards_quick_start_has_its_ids(llama2: Tokenizer) -> None:
    assert llama2.encode(QUICK_START) == QUICK_START_IDS


@pytest.mark.parametrize(
    "files",
    [
        ("tokenizer.model",),
        ("tokenizer.model", "tokenizer_config.json"),
        ("tokenizer.model", "config.json"),
        ("tokenizer.json",),
        ("tokenizer.json", "config.json"),
        ("tokenizer.json", "tokenizer_config.json"),
        ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "config.json", "special_tokens_map.json"),
    ],
    ids="+".join,
)
def test_every_humaneval_prompt_has_the_ids_of_sentencepiece_whatever_files_there_are(
    llama2_folder: Path, tmp_path: Path, files: tuple[str, ...]
) -> None:
    for name in files:
        shutil.copy(llama2_folder / name, tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    truth = sentencepiece.SentencePieceProcessor(model_file=str(llama2_folder / "tokenizer.model"))
    with gzip.open(llama2_folder.parent / "HumanEval.jsonl.gz", "rt", encoding="utf-8") as file:
        prompts = [json.loads(line)["prompt"] for line in file]
    assert len(prompts) == 164
    assert sum(tokenizer.encode(prompt) != truth.encode(prompt) for prompt in prompts) == 0
    assert tokenizer.encode("a</s>\nb") == [263, 2, 13, 29890]  # as the slow tokenizer gives with legacy=False


# ── what cannot be right ──


def test_a_folder_without_a_tokenizer_says_which_file_is_missing(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(ModelError, match=r"tokenizer\.json is missing"):
        load_tokenizer(tmp_path)


def test_a_damaged_tokenizer_is_refused(tiny_llama: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_llama, tmp_path, dirs_exist_ok=True)
    (tmp_path / "tokenizer.json").write_text('{"version": "1.0", "model"')
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_tokenizer(tmp_path)


def test_an_empty_tokenizer_is_refused(tmp_path: Path) -> None:
    from tokenizers import Tokenizer as Backend
    from tokenizers import decoders, models

    backend = Backend(models.BPE())
    backend.decoder = decoders.ByteLevel()
    backend.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ModelError, match="loses white space"):
        load_tokenizer(tmp_path)


def test_a_tokenizer_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    from tokenizers import Tokenizer as Backend
    from tokenizers import decoders, models

    backend = Backend(models.WordPiece({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    backend.decoder = decoders.WordPiece()
    backend.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ModelError, match="WordPiece"):
        load_tokenizer(tmp_path)
