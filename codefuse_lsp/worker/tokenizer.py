"""Text to token ids and back, exact to the byte.

Input: the tokenizer files of a checkpoint folder. Output: ids, text, and the bytes of each token. Knows nothing of
models, prompts or sampling; a tokenizer that it cannot show to be right is refused.
"""

from __future__ import annotations

import codecs
import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import tokenizers

from codefuse_lsp.errors import ModelError
from codefuse_lsp.worker import sentencepiece_bpe
from codefuse_lsp.worker.prompt_tokens import PromptTokens, Tokens
from codefuse_lsp.worker.vocabulary import SPACE, is_byte_level, kinds_of, tags, token_bytes

# Text in which wrongly ordered merges, lost spaces and normalisation show (all seen with transformers 5.23).
PROBES = (
    "\n    return x",
    "    return x",
    " x = 10\r\n",
    "def f(a,  b):\n\tif a:\n        return {'k': \"v\"}  # ok\n\n\nclass A(B):\n    pass",
    "<|role_start|>human<|role_end|>write a python function of quick sort.<|role_start|>bot<|role_end|>",
)
ALL_PROBES = (*PROBES, "é🙂你好 ①ﬁＡ", "naïve ▁x")  # not every tokenizer can hold the last two: for comparing only

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TokenizerFacts:
    """What the files beside the tokenizer say of it."""

    bos_token: str = ""
    eos_token: str = ""
    eos_ids: tuple[int, ...] = ()
    chat_template: str | None = None


class Tokenizer:
    """One tokenizer and its vocabulary; safe to use from several threads."""

    def __init__(self, backend: tokenizers.Tokenizer, facts: TokenizerFacts | None = None) -> None:
        facts = facts or TokenizerFacts()
        backend.no_truncation()
        backend.no_padding()
        self._backend = backend
        self._prompts = PromptTokens(self._tokens)
        self.eos_ids = facts.eos_ids
        self.bos_token = facts.bos_token
        self.eos_token = facts.eos_token
        self.chat_template = facts.chat_template
        self._strips_space = not is_byte_level(backend) and bool(kinds_of(backend.decoder) & {"Strip", "Metaspace"})
        self._adds_space = "Metaspace" in kinds_of(backend.pre_tokenizer)

    @property
    def vocab_size(self) -> int:
        """The number of token ids, added ones included."""
        return len(self._bytes)

    @cached_property
    def special_tokens(self) -> tuple[str, ...]:
        """Every string that is read as one token with a meaning of its own wherever it stands in a text."""
        return tags(self._backend)

    def encode(self, text: str, add_special_tokens: bool = False) -> list[int]:
        """Return the ids of a text."""
        if self._adds_space and text.startswith((" ", SPACE)):
            # Metaspace puts a space in front only of text that has none; SentencePiece puts it there always.
            text = " " + text
        if add_special_tokens:
            return self._backend.encode(text).ids
        return self._prompts.encode(text)

    def _tokens(self, text: str) -> Tokens:
        encoded = self._backend.encode(text, add_special_tokens=False)
        return Tokens(encoded.ids, [start for start, _ in encoded.offsets])

    def count(self, text: str) -> int:
        """Return the number of tokens of a text."""
        return len(self.encode(text))

    def decode(self, token_ids: Iterable[int]) -> str:
        """Return the text of ids, without special tokens."""
        raw = b"".join(self.token_bytes(i) or b"" for i in token_ids)
        return self.without_added_space(raw).decode("utf-8", "replace")

    def without_added_space(self, raw: bytes) -> bytes:
        """Return the bytes with which a text begins, without the space that encoding put there."""
        return raw[1:] if self._strips_space and raw.startswith(b" ") else raw

    def token_bytes(self, token_id: int) -> bytes | None:
        """Return the exact bytes of a token, or None for a special token and for ids that mean nothing."""
        return self._bytes[token_id] if 0 <= token_id < len(self._bytes) else None

    @cached_property
    def _bytes(self) -> list[bytes | None]:
        return token_bytes(self._backend)


class Detokenizer:
    """Turns one sequence's tokens into text as they come, never half a character.

    Every token stands for exact bytes, so the text of a sequence is their sum and no earlier token needs to be
    decoded again; only the space that encoding puts in front of a whole text depends on the prompt.
    """

    def __init__(self, tokenizer: Tokenizer, prompt_ids: Iterable[int]) -> None:
        self._tokenizer = tokenizer
        self._begun = any(tokenizer.token_bytes(i) for i in prompt_ids)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")  # holds back three bytes at most

    def push(self, token_id: int) -> str:
        """Take the next token and return the text that it completes."""
        raw = self._tokenizer.token_bytes(token_id) or b""
        if raw and not self._begun:
            self._begun = True
            raw = self._tokenizer.without_added_space(raw)
        return self._decoder.decode(raw)

    def flush(self, complete: bool) -> str:
        """End the text; the bytes of an unfinished character are shown as U+FFFD if it is complete, else dropped."""
        rest = self._decoder.decode(b"", final=True)
        return rest if complete else ""


def load_tokenizer(folder: Path, trust_remote_code: bool = False) -> Tokenizer:
    """Return the tokenizer of a checkpoint folder; raises ModelError when none can be shown to be right.

    The truth is SentencePiece where a `tokenizer.model` lies in the folder, else `tokenizer.json` as it stands:
    transformers 5 rebuilds both by the class that the configuration names, which is not always what was trained.
    """
    pieces = sentencepiece_bpe.read(folder / "tokenizer.model")
    raw = _attempt(folder, lambda: _from_json(folder))
    truth = pieces or (Tokenizer(raw) if raw is not None else None)
    for source, make in _sources(folder, raw, pieces, trust_remote_code).items():
        backend = _attempt(folder, make)
        if backend is None:
            continue
        tokenizer = Tokenizer(sentencepiece_bpe.without_repeated_space(backend), _facts(folder, backend, pieces))
        if not _holds_code(tokenizer):
            log.warning("%s: the tokenizer from %s loses code", folder.name, source)
        elif truth is not None and any(tokenizer.encode(probe) != truth.encode(probe) for probe in ALL_PROBES):
            log.warning("%s: the tokenizer from %s gives other tokens than the model's own file", folder.name, source)
        else:
            return tokenizer
    raise ModelError(_refusal(folder, pieces is not None))


def _sources(folder: Path, raw: Any, pieces: Any, trust_remote_code: bool) -> dict[str, Callable[[], Any]]:
    """Return the ways to make the tokenizer, the best first."""
    sources: dict[str, Callable[[], Any]] = {}
    if raw is not None or pieces is None:
        sources["transformers"] = lambda: _from_transformers(folder, trust_remote_code)
        sources["tokenizer.json"] = lambda: raw
    if pieces is not None:
        config = _json(folder / "tokenizer_config.json")
        sources["tokenizer.model"] = lambda: sentencepiece_bpe.build(pieces, config)
    return sources


def _attempt(folder: Path, make: Callable[[], Any]) -> Any:
    """Return what `make` makes, or None with the reason in the log."""
    try:
        return make()
    except Exception as error:  # the tokenizers library raises nothing narrower
        log.info("%s: %s", folder.name, error)
        return None


def _from_json(folder: Path) -> Any:
    if not (path := folder / "tokenizer.json").is_file():
        return None
    return sentencepiece_bpe.without_repeated_space(tokenizers.Tokenizer.from_file(str(path)))


def _from_transformers(folder: Path, trust_remote_code: bool) -> Any:
    """Return the `tokenizers` object inside the tokenizer that transformers makes, or None when it has none."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=trust_remote_code)
    return getattr(tokenizer, "backend_tokenizer", None)


def _holds_code(tokenizer: Tokenizer) -> bool:
    """Return whether code survives the tokenizer; an empty one or one that folds white space fails."""
    whole = all(tokenizer.decode(tokenizer.encode(probe)).strip(" ") == probe.strip(" ") for probe in PROBES)
    ends = set(tokenizer.encode(f"x{tokenizer.eos_token}\ny"))
    return whole and (not tokenizer.eos_token or not ends.isdisjoint(tokenizer.eos_ids))


def _refusal(folder: Path, has_pieces: bool) -> str:
    if has_pieces:
        return (
            f"{folder.name}: its tokenizer.model gives other tokens here than in SentencePiece. "
            f"Put the model's tokenizer.json into {folder}."
        )
    if not any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model", "vocab.json")):
        return f"{folder} has no tokenizer: tokenizer.json is missing. Copy the model's tokenizer files there too."
    return (
        f"{folder.name}: its tokenizer cannot be loaded, or loses white space of code. "
        f"Put the model's own tokenizer.json into {folder}."
    )


def _facts(folder: Path, backend: tokenizers.Tokenizer, pieces: Any) -> TokenizerFacts:
    """Return what the configuration files say, the ids of every token that ends an answer among it."""
    config = _json(folder / "special_tokens_map.json") | _json(folder / "tokenizer_config.json")
    model, generation = _json(folder / "config.json"), _json(folder / "generation_config.json")
    bos_ids, eos_ids = ([*_ids(generation.get(key)), *_ids(model.get(key))] for key in ("bos_token_id", "eos_token_id"))
    if pieces is not None:
        bos_ids, eos_ids = bos_ids or _ids(pieces.bos_id()), eos_ids or _ids(pieces.eos_id())
    bos_token, eos_token = _text(config.get("bos_token")), _text(config.get("eos_token"))
    if eos_token and (named := backend.token_to_id(eos_token)) is not None:
        eos_ids.insert(0, named)
    return TokenizerFacts(
        bos_token=bos_token or _content(backend, bos_ids),
        eos_token=eos_token or _content(backend, eos_ids),
        eos_ids=tuple(dict.fromkeys(eos_ids)),
        chat_template=_chat_template(folder, config),
    )


def _content(backend: tokenizers.Tokenizer, ids: list[int]) -> str:
    """Return how the first of `ids` is written (id_to_token may put a space in front)."""
    added = backend.get_added_tokens_decoder()
    return next((added[i].content if i in added else backend.id_to_token(i) or "" for i in ids), "")


def _chat_template(folder: Path, config: dict[str, Any]) -> str | None:
    """Return the checkpoint's chat template, from its own file or from tokenizer_config.json."""
    try:
        return (folder / "chat_template.jinja").read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        template = config.get("chat_template") or _json(folder / "chat_template.json").get("chat_template")
    if isinstance(template, list):  # several, by name
        named = {entry.get("name"): entry.get("template") for entry in template if isinstance(entry, dict)}
        template = named.get("default")
    return template if isinstance(template, str) else None


def _ids(value: Any) -> list[int]:
    values = value if isinstance(value, list) else [value]
    return [i for i in values if isinstance(i, int) and not isinstance(i, bool) and i >= 0]


def _text(value: Any) -> str:
    """Return a token that is written as text or as a dictionary with `content`."""
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) else ""


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
