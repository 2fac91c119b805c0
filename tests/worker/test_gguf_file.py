from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codefuse_lsp.config import Settings
from codefuse_lsp.errors import ModelError, ModelNotFound, NotEnoughMemory
from codefuse_lsp.worker import gguf_preflight
from codefuse_lsp.worker.checkpoint import find
from codefuse_lsp.worker.gguf_file import GgufFile, read_gguf
from tests.worker.gguf_models import write_head

SHAPE = {
    "llama.block_count": 4,
    "llama.context_length": 4096,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 8,
    "llama.attention.head_count_kv": 2,
}
TOKENS = {
    "tokenizer.ggml.tokens": ["<s>", "</s>", "<|user|>", "indent", "  "],
    "tokenizer.ggml.token_type": [3, 3, 4, 1, 4],
    "tokenizer.ggml.bos_token_id": 0,
    "tokenizer.ggml.eos_token_id": 1,
    "tokenizer.chat_template": "{{ messages }}",
}
values = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),  # the writer drops empty ones
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=9), min_size=1, max_size=9),
    st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=9),
)
names = st.text("abc.", min_size=1, max_size=12).map("test.".__add__)


@pytest.fixture
def head(tmp_path: Path) -> Path:
    write_head(tmp_path / "tiny.Q4_K_M.gguf", SHAPE | TOKENS)
    return tmp_path / "tiny.Q4_K_M.gguf"


@given(facts=st.dictionaries(names, values, max_size=6))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_fact_comes_back_as_it_was_written(tmp_path: Path, facts: dict[str, Any]) -> None:
    write_head(tmp_path / "x.gguf", facts)
    assert read_gguf(tmp_path / "x.gguf").facts == {"general.architecture": "llama"} | facts


@given(data=st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_damaged_head_is_told_or_read_but_never_a_traceback(head: Path, data: st.DataObject) -> None:
    content = bytearray(head.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = head.with_name("damaged.gguf")
    cut.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        file = read_gguf(cut)
    except ModelError as error:
        assert str(cut) in str(error)
    else:
        assert file.context_length >= 0
        assert file.kv_bytes_per_token >= 0
        assert file.token("bos") is not None
        assert file.special_tokens is not None


def test_a_file_tells_its_shape_and_its_tokens(head: Path) -> None:
    file = read_gguf(head)
    assert (file.name, file.context_length, file.chat_template) == ("tiny.Q4_K_M", 4096, "{{ messages }}")
    assert file.kv_bytes_per_token == 4 * 2 * (8 + 8) * 2  # layers, heads, K and V of eight numbers, two bytes each
    assert (file.token("bos"), file.token("eos")) == ("<s>", "</s>")
    assert file.special_tokens == ("<s>", "</s>", "<|user|>")  # runs of spaces are ordinary text


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "begin with GGUF"), (b"version https://git-lfs", "Git LFS pointer"), (b"GGUF\x63\0\0\0", "cut short")],
)
def test_what_is_no_gguf_file_is_told(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "x.gguf").write_bytes(content)
    with pytest.raises(ModelError, match=said):
        read_gguf(tmp_path / "x.gguf")


def test_the_setting_model_may_be_a_gguf_file_a_part_of_one_or_the_folder_of_one(head: Path) -> None:
    assert find(Settings(model=str(head))) == head
    assert find(Settings(model=str(head.parent))) == head
    first, second = (head.with_name(f"big-0000{n}-of-00002.gguf") for n in (1, 2))
    for part in (first, second):
        part.write_bytes(head.read_bytes())
    assert find(Settings(model=str(second))) == first
    assert read_gguf(first).num_bytes == 2 * head.stat().st_size
    assert read_gguf(first).name == "big"
    with pytest.raises(ModelNotFound, match="holds 2 GGUF models; set model to one of them"):
        find(Settings(model=str(head.parent)))
    second.unlink()
    with pytest.raises(ModelNotFound, match=r"lacks big-00002-of-00002\.gguf \(1 of 2 parts"):
        read_gguf(first)


def test_a_gguf_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"There is no file .*x\.gguf; set model to a GGUF file"):
        find(Settings(model=str(tmp_path / "x.gguf")))


def test_what_does_not_fit_is_told_with_the_setting_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"general.architecture": "llama"} | SHAPE | {"llama.block_count": 1 << 10}
    file = GgufFile(Path("big.gguf"), facts, num_bytes=1 << 30)
    free = {"bytes": (1 << 30) + gguf_preflight.RESERVE["cpu"] + 2 * 4096 * file.kv_bytes_per_token}
    monkeypatch.setattr(gguf_preflight, "free_in_container", lambda: free["bytes"])
    with pytest.raises(NotEnoughMemory, match=r"big does not fit: it needs 1\.0 GiB .* Set kv_slots = 2\."):
        gguf_preflight.preflight(file, Settings(), 6, [])
    gguf_preflight.preflight(file, Settings(), 6, [{"name": "CUDA0", "free": 1 << 34}])
    free["bytes"] -= 1
    with pytest.raises(NotEnoughMemory, match=r"Set context_length = 2048 and kv_slots = 2\."):
        gguf_preflight.preflight(file, Settings(), 6, [])
    free["bytes"] = 1 << 30
    with pytest.raises(NotEnoughMemory, match="No setting makes it fit"):
        gguf_preflight.preflight(file, Settings(), 6, [])
