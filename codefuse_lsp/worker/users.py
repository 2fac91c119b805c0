"""Who the users of a team's worker are, by the keys they come with, and how much each may ask for.

A key file in, names and refusals out. Knows nothing of HTTP. Keys are compared in equal time and never told.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from codefuse_lsp.errors import ConfigError, RequestRefused

SHORTEST_KEY = 16  # characters: 80 bits and more when they are drawn at random
MAX_KEY_FILE_BYTES = 1 << 20
RETRY_AFTER_REQUEST_S = 1.0  # a user's other answers take about as long
_NAME = re.compile(r"[\w.@-]{1,64}")
_KEY = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Key:
    """One key and the user it stands for; users without a name are told apart by nothing."""

    secret: str
    user: str = ""


class KeyRing:
    """The keys that open a worker; those of a file can be read anew while it serves."""

    def __init__(self, keys: tuple[Key, ...] = (), path: Path | None = None) -> None:
        self._path = path
        self._keys = keys

    @classmethod
    def read(cls, path: Path) -> KeyRing:
        """Return the keys of a file; raises ConfigError with the line that cannot be used, never with a key."""
        return cls(read_keys(path), path)

    def __bool__(self) -> bool:
        """Return whether keys are asked for at all."""
        return bool(self._keys)

    def __len__(self) -> int:
        """Return the number of keys."""
        return len(self._keys)

    @property
    def first(self) -> str:
        """The first key, '' when none is asked for."""
        return self._keys[0].secret if self._keys else ""

    def user_of(self, secret: str) -> str | None:
        """Return the user of a key, None for one that opens nothing; takes as long whichever it is."""
        given = _digest(secret)
        found = [key.user for key in self._keys if hmac.compare_digest(given, _digest(key.secret))]
        return found[0] if found else None

    def reload(self) -> None:
        """Read the file anew; raises ConfigError, and the old keys stay good, when it cannot be used."""
        if self._path is not None:
            self._keys = read_keys(self._path)


def read_keys(path: Path) -> tuple[Key, ...]:
    """Return the keys in a file: `name:key` or `key` on each line; empty lines and those that begin with # are none."""
    try:
        if path.stat().st_size > MAX_KEY_FILE_BYTES:
            raise ConfigError(f"The key file {path} is larger than a key file can be.")
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise ConfigError(f"The key file {path} cannot be read ({reason}).") from None
    keys = tuple(
        _key(line.strip(), f"{path}, line {number}")
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.lstrip().startswith("#")
    )
    if not keys:
        raise ConfigError(f"The key file {path} holds no key; put one on each line.")
    twice = [secret for secret, count in Counter(key.secret for key in keys).items() if count > 1]
    if twice:
        raise ConfigError(f"The key file {path} holds the same key twice; give each user one of their own.")
    return keys


class Allowances:
    """How much each user has under way and has used; 0 as a limit means none."""

    def __init__(
        self, max_requests: int = 0, tokens_per_minute: int = 0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_requests = max_requests
        self._tokens_per_minute = tokens_per_minute
        self._clock = clock
        self._under_way: Counter[str] = Counter()
        self._spent: dict[str, tuple[float, float]] = {}  # tokens not yet made up for, and when that was

    @contextmanager
    def request(self, user: str | None) -> Iterator[Callable[[int], None]]:
        """Count a request while the block runs, which tells the tokens it took; None is a user without limits.

        Raises RequestRefused (429) with the seconds to wait.
        """
        if user is None:
            yield lambda tokens: None
            return
        self._check(user)
        self._under_way[user] += 1
        try:
            yield lambda tokens: self._spend(user, tokens)
        finally:
            self._under_way[user] -= 1
            if not self._under_way[user]:
                del self._under_way[user]

    def _check(self, user: str) -> None:
        if self._max_requests and self._under_way[user] >= self._max_requests:
            raise RequestRefused(
                f"You have {self._max_requests} requests under way, and may have no more at once "
                "(setting user_max_requests of the server). Wait for one to end.",
                429,
                RETRY_AFTER_REQUEST_S,
            )
        excess = self._owed(user) - self._tokens_per_minute
        if self._tokens_per_minute and excess >= 0:
            wait_s = (excess + 1) / self._tokens_per_minute * 60
            raise RequestRefused(
                f"You have used your {self._tokens_per_minute} tokens a minute "
                f"(setting user_tokens_per_minute of the server). Ask again in {max(1, round(wait_s))} s.",
                429,
                wait_s,
            )

    def _owed(self, user: str) -> float:
        tokens, at = self._spent.get(user, (0.0, self._clock()))
        return max(0.0, tokens - (self._clock() - at) * self._tokens_per_minute / 60)

    def _spend(self, user: str, tokens: int) -> None:
        if self._tokens_per_minute:
            self._spent[user] = (self._owed(user) + tokens, self._clock())


def _key(line: str, where: str) -> Key:
    name, colon, secret = line.rpartition(":")
    if colon and not _NAME.fullmatch(name):
        raise ConfigError(f"{where}: the name before the colon may hold up to 64 letters, digits and . _ - @ only.")
    if len(secret) < SHORTEST_KEY:
        raise ConfigError(
            f"{where}: the key is too short ({len(secret)} characters of at least {SHORTEST_KEY}). "
            'Make one with: python3 -c "import secrets; print(secrets.token_urlsafe(32))"'
        )
    if not _KEY.fullmatch(secret):
        raise ConfigError(f"{where}: a key may hold visible ASCII characters only, and no spaces.")
    return Key(secret, name)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
