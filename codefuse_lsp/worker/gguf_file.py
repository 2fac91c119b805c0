"""What a GGUF file tells of its model, read from its head alone.

Input: the path of a `.gguf` file, whole or the first of several parts. Output: its facts and the size of its weights;
or a ModelError that names the file and what is wrong with it. Knows nothing of llama.cpp.
The format: github.com/ggml-org/ggml, docs/gguf.md.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

from codefuse_lsp.errors import ModelError, ModelNotFound

SUFFIX = ".gguf"
DEFAULT_CONTEXT = 2048  # tokens, where a file does not tell
CONTROL, USER_DEFINED = 3, 4  # llama.cpp's token types: special, and added by whoever trained the model

_MAGIC, _STRING, _ARRAY = b"GGUF", 8, 9
_SCALARS = dict(enumerate(("B", "b", "H", "h", "I", "i", "f", "?", None, None, "Q", "q", "d")))
_MAX_KEYS, _MAX_ITEMS, _MAX_STRING = 1 << 16, 1 << 22, 1 << 24  # more than any real file has
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")
_TAG = re.compile(r"[<\[]\S*[>\]]")


@dataclass(frozen=True, slots=True)
class GgufFile:
    """The metadata of a GGUF file and the bytes of all its parts."""

    path: Path
    facts: dict[str, Any]
    num_bytes: int

    @property
    def name(self) -> str:
        """The model's name, as its file is called."""
        return _PART.sub("", self.path.name).removesuffix(SUFFIX)

    @property
    def context_length(self) -> int:
        """Tokens of prompt and answer that the model was made for."""
        return self._number("context_length") or DEFAULT_CONTEXT

    @property
    def kv_bytes_per_token(self) -> int:
        """Bytes that keys and values of one token take in all layers, in fp16."""
        heads = self._fact("attention.head_count")
        kv_heads = self._fact("attention.head_count_kv") or heads
        num_layers = self._number("block_count")
        total = sum(kv_heads) if isinstance(kv_heads, list) else (kv_heads or 0) * num_layers  # a list: one a layer
        most_heads = max(heads, default=1) if isinstance(heads, list) else heads
        width = self._number("embedding_length") // max(1, most_heads or 1)
        sizes = (self._number(f"attention.{part}_length") or width for part in ("key", "value"))
        return 2 * total * sum(sizes)

    @property
    def chat_template(self) -> str | None:
        """The model's own chat template."""
        template = self.facts.get("tokenizer.chat_template")
        return template if isinstance(template, str) else None

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """Every string that is read as one token with a meaning of its own wherever it stands in a text."""
        tokens = self.facts.get("tokenizer.ggml.tokens") or []
        kinds = self.facts.get("tokenizer.ggml.token_type") or []
        return tuple(
            token
            for token, kind in zip(tokens, kinds, strict=False)
            if kind == CONTROL or (kind == USER_DEFINED and _TAG.fullmatch(token))
        )

    def token(self, role: str) -> str:
        """Return how the model's `bos` or `eos` token is written, or nothing where it has none."""
        tokens, token_id = self.facts.get("tokenizer.ggml.tokens"), self.facts.get(f"tokenizer.ggml.{role}_token_id")
        known = isinstance(tokens, list) and isinstance(token_id, int) and 0 <= token_id < len(tokens)
        return str(tokens[token_id]) if known and tokens and token_id is not None else ""

    def _fact(self, name: str) -> Any:
        return self.facts.get(f"{self.facts.get('general.architecture')}.{name}")

    def _number(self, name: str) -> int:
        value = self._fact(name)
        return value if isinstance(value, int) else 0


def find_gguf(path: Path) -> Path | None:
    """Return the GGUF model that `path` is, or the only one in the folder that it is; None where there is none.

    Raises ModelNotFound when a folder holds several, or when parts of a model are missing.
    """
    if path.is_file():
        return first_part(path) if path.suffix.lower() == SUFFIX else None
    found = sorted({first_part(file) for file in path.glob(f"*{SUFFIX}")})
    if len(found) > 1:
        raise ModelNotFound(f"{path} holds {len(found)} GGUF models; set model to one of them, such as {found[0]}.")
    return found[0] if found else None


def first_part(path: Path) -> Path:
    """Return the first part of the model that `path` is a part of, or `path` itself where it is whole."""
    return path.with_name(_PART.sub(lambda found: f"-00001-of-{found[2]}.gguf", path.name))


def read_gguf(path: Path) -> GgufFile:
    """Return what a GGUF file tells; raises ModelError when it cannot be read or a part is missing."""
    parts = _parts(path)
    missing = [part.name for part in parts if not part.is_file()]
    if missing:
        raise ModelNotFound(f"{path.parent} lacks {missing[0]} ({len(missing)} of {len(parts)} parts are missing).")
    try:
        with path.open("rb") as file:
            facts = _Reader(file, path.stat().st_size).facts()
        return GgufFile(path, facts, sum(part.stat().st_size for part in parts))
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror or error}).") from None
    except (struct.error, UnicodeDecodeError, ValueError) as error:
        raise ModelError(f"{path} is no whole GGUF file ({error}); download it again.") from None


def _parts(path: Path) -> list[Path]:
    found = _PART.search(path.name)
    if not found:
        return [path]
    stem, count = path.name[: found.start()], int(found[2])
    return [path.with_name(f"{stem}-{n:05}-of-{count:05}.gguf") for n in range(1, count + 1)]


class _Reader:
    """Reads the head of a file front to back; raises ValueError or struct.error where it makes no sense."""

    def __init__(self, file: BufferedReader, size: int) -> None:
        self._file = file
        self._size = size

    def facts(self) -> dict[str, Any]:
        start = self._file.read(4)
        if start != _MAGIC:
            raise ValueError("it is a Git LFS pointer" if start == b"vers" else "it does not begin with GGUF")
        version, _num_tensors, num_facts = self._unpack("<IQQ")
        if version not in (2, 3):
            raise ValueError(f"its version is {version}, and 2 and 3 are known")
        if num_facts > _MAX_KEYS:
            raise ValueError("its head is damaged")
        return {self._string(): self._value(self._unpack("<I")[0]) for _ in range(num_facts)}

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            return self._array(*self._unpack("<IQ"))
        return self._unpack(f"<{self._code(kind)}")[0]

    def _array(self, kind: int, count: int) -> list[Any]:
        if count > min(_MAX_ITEMS, self._size):
            raise ValueError("its head is damaged")
        if kind == _STRING:
            return [self._string() for _ in range(count)]
        return list(self._unpack(f"<{count}{self._code(kind)}"))

    def _code(self, kind: int) -> str:
        if (code := _SCALARS.get(kind)) is None:
            raise ValueError(f"its head holds a value of an unknown kind, {kind}")
        return code

    def _string(self) -> str:
        (length,) = self._unpack("<Q")
        if length > min(_MAX_STRING, self._size):
            raise ValueError("its head is damaged")
        return self._read(length).decode("utf-8", "replace")  # a token may be half a character

    def _unpack(self, layout: str) -> tuple[Any, ...]:
        return struct.unpack(layout, self._read(struct.calcsize(layout)))

    def _read(self, count: int) -> bytes:
        content = self._file.read(count)
        if len(content) < count:
            raise ValueError("it is cut short")
        return content
