r"""Rebuild a Llama tokenizer from its `tokenizer.model`, in memory.

Input: a SentencePiece BPE model and the dictionary of `tokenizer_config.json`. Output: a `tokenizers.Tokenizer` that
gives the same ids. Knows nothing of transformers, which derives the merges of such a file in another order
(5.23: '\n    return' becomes '▁▁▁▁','return' instead of '▁▁▁','▁return').
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tokenizers
from sentencepiece import SentencePieceProcessor
from tokenizers import AddedToken, decoders, models, pre_tokenizers, processors

from codefuse_lsp.worker.vocabulary import SPACE, kinds_of


def read(model_file: Path) -> SentencePieceProcessor | None:
    """Return the SentencePiece model in a file, or None without one (Llama 3 gives its own kind the same name)."""
    if not model_file.is_file():
        return None
    try:
        return SentencePieceProcessor(model_file=str(model_file))
    except (RuntimeError, OSError):
        return None


def build(pieces: SentencePieceProcessor, config: dict[str, Any]) -> tokenizers.Tokenizer:
    """Return the tokenizer of a SentencePiece BPE model with the added tokens of a tokenizer_config.json."""
    ids = range(pieces.get_piece_size())
    vocabulary = {pieces.id_to_piece(i): i for i in ids}
    special = [i for i in ids if pieces.is_control(i) or pieces.is_unknown(i)]
    tokenizer = tokenizers.Tokenizer(
        models.BPE(
            vocab=vocabulary,
            merges=_merges(pieces, vocabulary),
            unk_token=pieces.id_to_piece(pieces.unk_id()),
            fuse_unk=True,
            byte_fallback=any(pieces.is_byte(i) for i in ids),
        )
    )
    prefixed = pieces.encode("a", out_type=str)[0].startswith(SPACE)
    _write_spaces_as_pieces(tokenizer, prefixed)
    tokenizer.add_special_tokens([AddedToken(pieces.id_to_piece(i), normalized=False, special=True) for i in special])
    for token in _added_tokens(config):
        tokenizer.add_tokens([token])
    if config.get("add_bos_token", True) and pieces.bos_id() >= 0:
        bos = pieces.id_to_piece(pieces.bos_id())
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, pieces.bos_id())]
        )
    return tokenizer


def without_repeated_space(tokenizer: tokenizers.Tokenizer) -> tokenizers.Tokenizer:
    """Bring a Llama `tokenizer.json` to the form that transformers gives it, and return it; leave others alone.

    As saved, it puts a space in front of the text after every special token and misses `</s>` within a text.
    """
    if kinds_of(tokenizer.normalizer) == {"Sequence", "Prepend", "Replace"} and tokenizer.pre_tokenizer is None:
        tokenizer.normalizer = None
        _write_spaces_as_pieces(tokenizer, prefixed=True)
    return tokenizer


def _merges(pieces: SentencePieceProcessor, vocabulary: dict[str, int]) -> list[tuple[str, str]]:
    """Return every pair of pieces that makes a piece, in the order in which SentencePiece joins them: by score."""
    scored = [
        (pieces.get_score(i), left, right)
        for piece, i in vocabulary.items()
        if not (pieces.is_control(i) or pieces.is_unknown(i) or pieces.is_byte(i))
        for left, right in _splits(piece, vocabulary)
    ]
    scored.sort(key=lambda merge: -merge[0])  # stable: pairs of one piece stay together
    return [(left, right) for _, left, right in scored]


def _splits(piece: str, vocabulary: dict[str, int]) -> Iterator[tuple[str, str]]:
    for at in range(1, len(piece)):
        if piece[:at] in vocabulary and piece[at:] in vocabulary:
            yield piece[:at], piece[at:]


def _write_spaces_as_pieces(tokenizer: tokenizers.Tokenizer, prefixed: bool) -> None:
    """Let the tokenizer write ' ' as '▁', with one in front of the text, and none after a special token.

    None after a special token is what the slow tokenizer did with `legacy=False`, as CodeFuse's model card uses it.
    """
    scheme = "first" if prefixed else "never"
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme=scheme, split=False)
    steps = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)] if prefixed else steps)


def _added_tokens(config: dict[str, Any]) -> list[AddedToken]:
    """Return the added tokens of a tokenizer_config.json in the order of their ids."""
    listed = config.get("added_tokens_decoder")
    if not isinstance(listed, dict):
        return []
    flags = ("single_word", "lstrip", "rstrip", "normalized", "special")
    return [
        AddedToken(entry["content"], **{flag: bool(entry[flag]) for flag in flags if flag in entry})
        for _, entry in sorted(listed.items(), key=lambda item: int(item[0]))
    ]
