"""The files of a workspace by their paths, and those that a few letters may mean.

Input: folders, and which of their folders are ignored. Output: paths relative to their folder. The index is built in a
thread of its own, once, and again in the background when it is asked after a while; who asks gets what there is by
their deadline. Bounded in paths, in depth and in time. Knows nothing of what the files hold; whether one may be read is
asked again when it is.
"""

from __future__ import annotations

import bisect
import heapq
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice, takewhile
from pathlib import Path
from typing import Self

from codefuse_lsp.context.grammars import GRAMMARS
from codefuse_lsp.context.languages import language_of

MOST_PATHS = 100_000
MOST_DEPTH = 24
BUILD_S = 10.0  # after which an index stays as far as it came
REFRESH_S = 15.0  # a new file is seen this late at most, and later where building takes long
REFRESH_FACTOR = 20  # an index is not built for more than a twentieth of the time
CHUNK = 500  # paths that are matched between two looks at the clock
MOST_MATCHES = 400  # of one kind, that are ranked by their length
THREAD = "paths of the workspace"
MOST_NEAR = 4
SKIPPED = frozenset({".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", "venv", ".tox", ".mypy_cache"})


@dataclass(frozen=True, slots=True)
class Place:
    """A file: the folder of the workspace that it is in, and its path there, with slashes."""

    folder: Path
    relative: str

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.folder / self.relative


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some files, and their paths in small letters, one a line, beginning at `starts`."""

    places: Sequence[Place]
    text: str
    starts: Sequence[int]

    @classmethod
    def of(cls, places: Sequence[Place]) -> Self:
        """Return the chunk of some files."""
        names = [place.relative.lower() for place in places]
        return cls(places, "\n".join(names), [0, *accumulate(len(name) + 1 for name in names)])

    def place_at(self, offset: int) -> Place:
        """Return the file in whose line an offset is."""
        return self.places[bisect.bisect_right(self.starts, offset) - 1]


@dataclass(slots=True)
class _Index:
    folders: tuple[Path, ...]
    chunks: list[Chunk]
    began: float
    took: float = 0.0
    is_built: bool = False


class Paths:
    """The index of one editor window's workspace; any thread may ask."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._index = _Index((), [], 0.0, is_built=True)
        self._news = threading.Event()
        self._is_building = False

    def chunks(
        self, folders: Sequence[Path], ignores_folder: Callable[[Path], bool], deadline: float
    ) -> Sequence[Chunk]:
        """Return the files that are known by `deadline`, a time of the clock; begins to look again where it is time."""
        with self._lock:
            index = self._index
            is_other = index.folders != tuple(folders)
            pause = max(REFRESH_S, REFRESH_FACTOR * index.took)
            if is_other or (index.is_built and self._clock() - index.began > pause):
                self._begin(tuple(folders), ignores_folder, keeps=not is_other)
                index = self._index
            news = self._news
        if not index.is_built:
            news.wait(max(0.0, deadline - self._clock()))
        return tuple(index.chunks)

    def _begin(self, folders: tuple[Path, ...], ignores_folder: Callable[[Path], bool], *, keeps: bool) -> None:
        if keeps and self._is_building:
            return
        built = _Index(folders, [], self._clock())
        if not keeps:
            self._index = built  # it is read while it grows
        self._is_building, self._news = True, threading.Event()
        build = (built, ignores_folder, self._news)
        threading.Thread(target=self._build, args=build, name=THREAD, daemon=True).start()

    def _build(self, index: _Index, ignores_folder: Callable[[Path], bool], news: threading.Event) -> None:
        try:
            walk = islice(_walk(index.folders, ignores_folder, self._clock, index.began + BUILD_S), MOST_PATHS)
            while places := list(islice(walk, CHUNK)):
                index.chunks.append(Chunk.of(places))
        finally:
            with self._lock:
                index.took, index.is_built = self._clock() - index.began, True
                if self._index.folders == index.folders:
                    self._index, self._is_building = index, False
            news.set()


def nearest(chunks: Sequence[Chunk], near: Sequence[str], at_most: int) -> list[Place]:
    """Return the files in languages that have a grammar, those first that have most folders in common with `near`."""
    around = [path.split("/")[:-1] for path in list(near)[:MOST_NEAR]]
    code = (place for chunk in chunks for place in chunk.places if language_of(place.relative) in GRAMMARS)
    return heapq.nsmallest(at_most, code, key=lambda place: _distance(place.relative.split("/")[:-1], around))


def _distance(folders: Sequence[str], around: Sequence[Sequence[str]]) -> int:
    """Return how many folders lie between some and the nearest of others; from the top where there are no others."""
    return min((len(folders) + len(other) - 2 * _shared(folders, other) for other in around), default=len(folders))


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def matching(chunks: Sequence[Chunk], letters: str, at_most: int, deadline: float = float("inf")) -> list[Place]:
    """Return the files that letters may mean, the likeliest first; small letters mean capital ones too.

    Those whose name begins with the letters, then those whose name, or else whose path, has them, and where these are
    few those whose path has them with others between; of each kind the shorter ones first.
    """
    asked = letters.lower().replace("\\", "/").removeprefix("./").lstrip("/")
    best: dict[Place, None] = {}
    for form in _forms(asked):
        found: list[Place] = []
        for chunk in chunks:
            found += _found(chunk, form)
            if len(found) >= MOST_MATCHES or time.monotonic() > deadline:
                break
        best |= dict.fromkeys(heapq.nsmallest(at_most, found, key=lambda place: (len(place.relative), place.relative)))
        if len(best) >= at_most or time.monotonic() > deadline:
            break
    return list(best)[:at_most]


@dataclass(frozen=True, slots=True)
class _Form:
    """A kind of match: a pattern of lines, and letters that stand in all that it matches."""

    pattern: re.Pattern[str]
    literal: str = ""


def _forms(asked: str) -> list[_Form]:
    """Return the kinds of matches, the best first. Each is linear in the text: nothing is tried twice in a line."""
    if not asked:
        return [_Form(re.compile(r"^[^\n]+", re.M))]
    whole = re.escape(asked)
    between = "".join(rf"[^\n{re.escape(letter)}]*+{re.escape(letter)}" for letter in asked[:40])
    return [
        _Form(re.compile(rf"(?:^|(?<=/)){whole}[^/\n]*+$", re.M), asked),
        _Form(re.compile(rf"{whole}[^/\n]*+$", re.M), asked),
        _Form(re.compile(whole), asked),
        _Form(re.compile(rf"^{between}", re.M)),
    ]


def _found(chunk: Chunk, form: _Form) -> Iterator[Place]:
    if form.literal in chunk.text:
        for match in islice(form.pattern.finditer(chunk.text), MOST_MATCHES):
            yield chunk.place_at(match.start())


def _walk(
    folders: Sequence[Path], ignores_folder: Callable[[Path], bool], clock: Callable[[], float], deadline: float
) -> Iterator[Place]:
    """Yield the files of folders, those near the top first; links to folders are not followed."""
    waiting = [(folder, folder, 0) for folder in folders]
    for folder, around, depth in waiting:  # grows while it is walked
        if clock() > deadline:
            return
        try:
            with os.scandir(around) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            continue
        prefix = around.relative_to(folder).as_posix()
        prefix = "" if prefix == "." else f"{prefix}/"
        for entry in found:
            try:
                is_folder = entry.is_dir(follow_symlinks=False)
                is_file = not is_folder and entry.is_file()
            except OSError:
                continue
            if is_file and "\n" not in entry.name:
                yield Place(folder, prefix + entry.name)
            elif is_folder and depth < MOST_DEPTH and entry.name not in SKIPPED:
                inner = around / entry.name
                if not ignores_folder(inner):
                    waiting.append((folder, inner, depth + 1))
