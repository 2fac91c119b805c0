"""How running chats were told, so that they go on being told so and the model need not read them again.

Input: the rounds of a conversation as they are kept. Output: the same, with those that were told before as they were
told then: their excerpts as the files read at that time, cut as they were cut, and the same rounds left out. Kept in
memory alone, and of the last few conversations; without it, a chat is told afresh. Knows nothing of files or editors.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import takewhile

from codefuse_lsp.prompts.chat import Reference, Round, Talk

MOST_CONVERSATIONS = 16
MOST_DROPPED_CHARS = 65_536  # of excerpts of rounds that are left out, for the next digest


@dataclass(frozen=True, slots=True)
class Telling:
    """A conversation as it was told, and what the placeholders in it stand for."""

    keys: tuple[str, ...] = ()  # of its rounds
    talk: Talk = field(default_factory=lambda: Talk((Round(""),)))
    restorations: Mapping[str, str] = field(default_factory=dict)

    def since(self, key: str) -> Telling:
        """Return it without the rounds before that of a key; nothing where that is not among them."""
        if key not in self.keys:
            return Telling()
        first = self.keys.index(key)
        talk = replace(self.talk, rounds=self.talk.rounds[first:], dropped=max(0, self.talk.dropped - first))
        return replace(self, keys=self.keys[first:], talk=talk)

    def without(self, is_forbidden: Callable[[Reference], bool]) -> Telling:
        """Return it without the excerpts of files that must not be told of any more."""
        talk = self.talk
        forbidden = {one for this in talk.rounds for one in this.references if is_forbidden(one)}
        if not forbidden:
            return self
        rounds = (
            replace(this, references=tuple(one for one in this.references if one not in forbidden))
            for this in talk.rounds
        )
        return replace(self, talk=replace(talk, rounds=tuple(rounds), digest=""))

    def shared_with(self, keys: Sequence[str]) -> int:
        """Return how many rounds at the beginning are the same."""
        pairs = zip(self.keys, keys, strict=False)
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))

    def goes_on(self, talk: Talk, shared: int, conceal: Callable[[str], str]) -> Talk:
        """Return a conversation with its first `shared` rounds as they were told.

        `conceal` hides what has become known for a secret since.
        """
        told = [
            replace(
                before,
                question=now.question,
                answer=conceal(before.answer) or now.answer,
                references=tuple(replace(one, text=conceal(one.text)) for one in before.references),
            )
            for before, now in zip(self.talk.rounds[:shared], talk.rounds, strict=False)
        ]
        rounds = (*told, *talk.rounds[shared:])
        if self.talk.dropped > shared:  # another branch, from a round that is not told any more
            return replace(talk, rounds=rounds)
        return replace(talk, rounds=rounds, dropped=self.talk.dropped, digest=conceal(self.talk.digest))


class Tellings:
    """The last conversations; for one thread."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Telling] = OrderedDict()

    def of(self, conversation: str) -> Telling:
        """Return how a conversation was told last."""
        return self._known.get(conversation, Telling())

    def keep(self, conversation: str, telling: Telling) -> None:
        """Remember how a conversation was told."""
        self._known[conversation] = replace(telling, talk=_slim(telling.talk))
        self._known.move_to_end(conversation)
        if len(self._known) > MOST_CONVERSATIONS:
            self._known.popitem(last=False)


def keys_of(rounds: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Return by what each round is known: all that was asked and answered before it, and its question."""
    keys, known = [], b""
    for question, answer in rounds:
        known = sha256(known + question.encode("utf-8", "surrogatepass")).digest()
        keys.append(known.hex())
        known += b"\0" + answer.encode("utf-8", "surrogatepass")
    return tuple(keys)


def _slim(talk: Talk) -> Talk:
    """Return a conversation with no more excerpts of the rounds left out than the next digest may have room for."""
    rounds, left, seen = list(talk.rounds), MOST_DROPPED_CHARS, set[tuple[str, str, str]]()
    for number in range(talk.dropped - 1, -1, -1):
        kept: list[Reference] = []
        for one in rounds[number].references:
            name = (one.kind, one.path, one.label)
            if name not in seen and len(one.text) <= left:
                left -= len(one.text)
                kept.append(one)
            seen.add(name)
        rounds[number] = replace(rounds[number], references=tuple(kept))
    return replace(talk, rounds=tuple(rounds))
