"""Secrets taken out of what a model reads, and put back into what it writes.

Input: texts, and a key of this machine. Output: the texts with a placeholder for each secret, and what each stands
for. A placeholder depends on the secret and the key alone: it is the same in every prompt and every editor window, so
that prompts go on beginning alike, and who has not the key cannot try passwords against it. Knows nothing of prompts.

`restore(redact(text)) == text` for any text: what already looks like a placeholder is replaced like a secret.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import re
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from codefuse_lsp.context.secret_formats import Secret, find_secrets, merged

PREFIX = "REDACTED_"  # no part of it begins it again, so that where a placeholder begins is never in doubt
DIGITS = 8
PLACEHOLDER = re.compile(rf"{PREFIX}[0-9a-f]{{{DIGITS}}}")
KEY_BYTES = 32
KEY_FILE = "redaction.key"
MIN_REPEATED_CHARS = 8  # a secret this long is looked for everywhere; shorter ones may be ordinary words elsewhere
TOLD = "secret told before"
MAX_REPEATED = 64  # secrets that are looked for everywhere


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without its secrets; `restorations` is placeholder -> what it stands for."""

    text: str
    restorations: Mapping[str, str] = field(default_factory=dict)
    kinds: tuple[str, ...] = ()  # what was found, for the user

    def restore(self, text: str) -> str:
        """Return a text, such as the model's answer, with the secrets in it again."""
        return restore(text, self.restorations)


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A piece of a text, by default all of it; what stands round it may tell that there is a secret in it."""

    text: str
    start: int = 0  # in characters
    stop: int | None = None
    told: tuple[str, ...] = ()  # what is known for a secret in it, though the text may not tell


@dataclass(frozen=True, slots=True)
class RedactedPrompt:
    """What surrounds a cursor, and other texts with it, without secrets."""

    prefix: str
    suffix: str
    others: tuple[str, ...]
    inside: bool  # the cursor stands in a secret: there is nothing to suggest
    restorations: Mapping[str, str]
    kinds: tuple[str, ...] = ()


def redact(text: str, key: bytes) -> Redacted:
    """Return a text with a placeholder for each secret."""
    (only,) = redact_all([text], key)
    return only


def redact_all(texts: Sequence[str], key: bytes) -> list[Redacted]:
    """Return the texts redacted together: a secret that shows itself in one is replaced in all.

    All have the same `restorations`.
    """
    return redact_excerpts([Excerpt(text) for text in texts], key)


def redact_excerpts(excerpts: Sequence[Excerpt], key: bytes) -> list[Redacted]:
    """Return the pieces redacted together; of a secret across the edge of one, neither end shows in it."""
    texts, told = [excerpt.text for excerpt in excerpts], [excerpt.told for excerpt in excerpts]
    found, names, done = _found_together(texts, told), _Names(key), []
    for excerpt, spans in zip(excerpts, found, strict=True):
        start, stop = excerpt.start, len(excerpt.text) if excerpt.stop is None else excerpt.stop
        inside = [
            Secret(max(s.start, start) - start, min(s.stop, stop) - start, s.kind)
            for s in spans
            if s.start < stop and s.stop > start
        ]
        done.append((names.replaced(excerpt.text[start:stop], inside), tuple(s.kind for s in inside)))
    return [Redacted(text, names.restorations, kinds) for text, kinds in done]


def redact_prompt(prefix: str, suffix: str, others: Sequence[str], key: bytes) -> RedactedPrompt:
    """Return both sides of a cursor redacted as the one text they are, and what goes with them.

    A secret across the cursor shows on neither side.
    """
    cursor, names = len(prefix), _Names(key)
    spans, *found = _found_together([prefix + suffix, *others])
    before = [Secret(s.start, min(s.stop, cursor), s.kind) for s in spans if s.start < cursor]
    after = [Secret(max(s.start - cursor, 0), s.stop - cursor, s.kind) for s in spans if s.stop > cursor]
    return RedactedPrompt(
        names.replaced(prefix, before),
        names.replaced(suffix, after),
        tuple(names.replaced(text, its) for text, its in zip(others, found, strict=True)),
        any(s.start < cursor < s.stop for s in spans),
        names.restorations,
        tuple(s.kind for its in (spans, *found) for s in its),
    )


def restore(text: str, restorations: Mapping[str, str]) -> str:
    """Return a text with what the placeholders in it stand for; one that is not known stays as it is."""
    if PREFIX not in text or not restorations:
        return text
    return PLACEHOLDER.sub(lambda match: restorations.get(match[0], match[0]), text)


def conceal(text: str, restorations: Mapping[str, str]) -> str:
    """Return a text with the secrets in it replaced again by the placeholders that stand for them."""
    for placeholder, secret in sorted(restorations.items(), key=lambda pair: -len(pair[1])):
        text = text.replace(secret, placeholder)
    return text


class Restorer:
    """Restores a text that comes in pieces, holding back only what may be the beginning of a known placeholder."""

    def __init__(self, restorations: Mapping[str, str]) -> None:
        self._restorations = restorations
        self._beginnings = {name[:length] for name in restorations for length in range(1, len(name))}
        self._held = ""

    def feed(self, piece: str) -> str:
        """Return what is certain by now and was not returned before."""
        text = self._held + piece
        longest = min(len(text), len(PREFIX) + DIGITS - 1) if self._beginnings else 0
        held = next((n for n in range(longest, 0, -1) if text[-n:] in self._beginnings), 0)
        self._held = text[len(text) - held :]
        return restore(text[: len(text) - held], self._restorations)

    def flush(self) -> str:
        """Return what was held back, now that nothing more comes."""
        held, self._held = self._held, ""
        return held


def machine_key(folder: Path) -> bytes:
    """Return this user's key, kept in `folder` and made when first asked for; one for this process if that fails.

    Reads and may write a file: for the start of a process, not for each prompt.
    """
    path = folder / KEY_FILE
    with contextlib.suppress(OSError):
        if (known := _read_key(path)) is not None:
            return known
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder)  # for the owner alone
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
            if path.exists():  # damaged
                Path(name).replace(path)
            else:
                with contextlib.suppress(FileExistsError):
                    os.link(name, path)  # of two processes, the first one's key stands
        finally:
            Path(name).unlink(missing_ok=True)
        if (known := _read_key(path)) is not None:
            return known
    return secrets.token_bytes(KEY_BYTES)


def _read_key(path: Path) -> bytes | None:
    if not path.is_file():
        return None
    key = path.read_bytes()
    return key if len(key) == KEY_BYTES else None


def _found_together(texts: Sequence[str], told: Sequence[Sequence[str]] = ()) -> list[list[Secret]]:
    """Return the secrets of each text, with those `told` of it; what is known for one by any of them is one in all."""
    found = [_found(text) for text in texts]
    own = [dict.fromkeys(filter(None, secrets), TOLD) for secrets in told]
    for at, known in enumerate(own):
        found[at] = merged([*found[at], *_repeated(texts[at], known)])
    known = {secret: TOLD for secrets in own for secret in secrets if len(secret) >= MIN_REPEATED_CHARS}
    known |= {
        text[s.start : s.stop]: s.kind
        for text, spans in zip(texts, found, strict=True)
        for s in spans
        if s.stop - s.start >= MIN_REPEATED_CHARS
    }
    if not known:
        return found
    return [merged([*spans, *_repeated(text, known)]) for text, spans in zip(texts, found, strict=True)]


def _found(text: str) -> list[Secret]:
    spans = find_secrets(text)
    if PREFIX in text:
        alike = [Secret(*match.span(), "placeholder") for match in PLACEHOLDER.finditer(text)]
        spans = merged([*spans, *alike])
    return spans


def _repeated(text: str, known: Mapping[str, str]) -> list[Secret]:
    """Return all places of secrets that are known from one."""
    found = []
    for secret, kind in list(known.items())[:MAX_REPEATED]:
        at = text.find(secret)
        while at >= 0:
            found.append(Secret(at, at + len(secret), kind))
            at = text.find(secret, at + len(secret))
    return found


class _Names:
    """Gives each secret of a prompt its placeholder."""

    def __init__(self, key: bytes) -> None:
        self.restorations: dict[str, str] = {}
        self._key = key

    def replaced(self, text: str, spans: Sequence[Secret]) -> str:
        parts, done = [], 0
        for span in spans:
            parts += [text[done : span.start], self._name(text[span.start : span.stop])]
            done = span.stop
        return "".join([*parts, text[done:]])

    def _name(self, secret: str) -> str:
        """Return the placeholder of a secret; of two that happen to share one, the second gets another."""
        for attempt in range(1 << 16):
            message = secret.encode("utf-8", "surrogatepass") + b"\0" * attempt
            name = PREFIX + hmac.digest(self._key, message, "sha256").hex()[:DIGITS]
            if self.restorations.setdefault(name, secret) == secret:
                return name
        raise AssertionError("no placeholder is free")
