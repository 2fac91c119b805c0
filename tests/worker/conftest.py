from __future__ import annotations

import importlib.util
import io
import json
from pathlib import Path

import pytest

LLAMA2 = Path(__file__).parents[3] / "shared" / "data" / "llama2-tokenizer"


@pytest.fixture(scope="session")
def llama2_folder() -> Path:
    """The tokenizer that CodeFuse-CodeLlama-34B uses; its licence keeps it out of this repository."""
    if not LLAMA2.is_dir():
        pytest.skip(f"NO LLAMA 2 TOKENIZER: {LLAMA2} is not here")
    return LLAMA2


@pytest.fixture(scope="session")
def piece_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but the tokenizer.model of a small SentencePiece BPE model, made as Llama 2's was."""
    import sentencepiece

    from tests.conftest import CODE

    folder, model = tmp_path_factory.mktemp("pieces"), io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([CODE, *CODE.splitlines(), *["    return x", "        return y"] * 20]),
        model_writer=model,
        model_type="bpe",
        vocab_size=520,
        byte_fallback=True,
        split_digits=True,
        add_dummy_prefix=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        minloglevel=2,
    )
    (folder / "tokenizer.model").write_bytes(model.getvalue())
    return folder


@pytest.fixture(scope="session")
def piece_config() -> str:
    return json.dumps({"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "legacy": False})


@pytest.fixture(scope="session")
def smollm2_gguf(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real small model as a GGUF file with the very numbers of its checkpoint folder, for llama.cpp."""
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("NO LLAMA.CPP: install xllamacpp (the extra `gguf`)")
    from tests.worker.gguf_models import write_bf16

    path = tmp_path_factory.mktemp("gguf") / "SmolLM2-135M-Instruct.BF16.gguf"
    write_bf16(smollm2, path)
    return path
