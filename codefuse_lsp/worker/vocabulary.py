"""What each token of a vocabulary stands for, in bytes.

Input: a `tokenizers.Tokenizer`. Output: a table from token id to exact bytes. Knows the two ways in which code models
write bytes as pieces: GPT-2's byte-level characters and SentencePiece's '▁' and '<0x0A>'.
"""

from __future__ import annotations

import re
from typing import Any

import tokenizers

from codefuse_lsp.errors import ModelError

SPACE = "▁"  # how SentencePiece writes a space inside a piece
_BYTE_PIECE = re.compile(r"<0x([0-9A-F]{2})>")
_TAG = re.compile(r"[<\[]\S*[>\]]")


def is_byte_level(backend: tokenizers.Tokenizer) -> bool:
    """Return which of the two ways a tokenizer uses; raises ModelError when it is neither."""
    kinds = kinds_of(backend.decoder)
    if "ByteLevel" in kinds:
        return True
    if kinds & {"ByteFallback", "Metaspace"}:
        return False
    steps = ", ".join(sorted(kinds)) or "no decoder"
    raise ModelError(f"The tokenizer writes text in a way that this worker does not know ({steps}).")


def token_bytes(backend: tokenizers.Tokenizer) -> list[bytes | None]:
    """Return the bytes of every token id; None for special tokens and for ids without a token."""
    vocabulary = backend.get_vocab(with_added_tokens=True)
    table: list[bytes | None] = [None] * (max(vocabulary.values(), default=-1) + 1)
    to_bytes = _byte_level if is_byte_level(backend) else _sentencepiece
    for piece, token_id in vocabulary.items():
        table[token_id] = to_bytes(piece)
    for token_id, token in backend.get_added_tokens_decoder().items():
        table[token_id] = None if token.special else token.content.encode()
    return table


def tags(backend: tokenizers.Tokenizer) -> tuple[str, ...]:
    """Return every string that is read as one token with a meaning of its own wherever it stands in a text.

    Added tokens that are neither marked special nor written like a tag are ordinary text: GPT-NeoX adds runs of
    spaces so, DeepSeek letters.
    """
    added = sorted(backend.get_added_tokens_decoder().items())
    return tuple(token.content for _, token in added if token.special or _TAG.fullmatch(token.content))


def kinds_of(part: Any) -> set[str]:
    """Return the names of all steps of a decoder, normalizer or pre-tokenizer, nested ones too."""
    return set() if part is None else set(re.findall(r'"type":"(\w+)"', part.__getstate__().decode()))


def byte_characters() -> dict[str, int]:
    """Return GPT-2's table (openai/gpt-2, encoder.py): printable bytes as themselves, the others from U+0100 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}


_BYTE_OF_CHARACTER = byte_characters()


def _byte_level(piece: str) -> bytes:
    try:
        return bytes(_BYTE_OF_CHARACTER[character] for character in piece)
    except KeyError:
        return piece.encode()  # a token that was added as text


def _sentencepiece(piece: str) -> bytes:
    if found := _BYTE_PIECE.fullmatch(piece):
        return bytes((int(found[1], 16),))
    return piece.replace(SPACE, " ").encode()
