"""A writer who knows what comes, and real files out of which the blocks were taken: is the right code shown whole?"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from codefuse_lsp.suggestions.filters import is_whole
from codefuse_lsp.suggestions.fitting import fitted
from codefuse_lsp.suggestions.outcome import Suggestion
from tests.suggestions.places import drawn, place_at, tree_at

FILES = Path(__file__).parents[1] / "corpus" / "files"
LANGUAGES = {".py": "python", ".ts": "typescript", ".go": "go", ".rs": "rust", ".java": "java", ".js": "javascript"}
TRIES = 120  # places in each file
MOST_SILENT = 0.08  # of the blocks
LONGEST = 900  # characters of a block that is tried


def depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def block_end(text: str, line_end: int, indent: int) -> int:
    """Return where the block ends that the line before `line_end` opens; there, if it opens none."""
    end = place = line_end
    for line in text[line_end + 1 :].split("\n"):
        place += 1 + len(line)
        if not line.strip():
            continue
        closes = depth(line) == indent and line.lstrip().startswith((")", "}", "]"))
        if depth(line) <= indent and not closes:
            break
        end = place
        if closes:
            break
    return end


def outcome_of(text: str, cursor: int, language: str) -> str | None:
    """Take out the block that the cursor's line opens, and have the rest of that line and it written again."""
    line_end = text.find("\n", cursor)
    line = text[text.rfind("\n", 0, cursor) + 1 : line_end]
    end = block_end(text, line_end, depth(line))
    is_opener = line.rstrip().endswith(("{", "(", "[", ":", "=>"))
    if not is_opener or not text[cursor:line_end].strip() or end == line_end or end - cursor > LONGEST:
        return None
    context = drawn(f"{text[:cursor]}│{text[end:]}", language)
    place, model = place_at(context), text[cursor : end + 200]
    if not place.block and not place.opens:
        return None  # text in a string or a comment, whatever its lines look like
    whole = next((n for n in range(1, len(model)) if model[:n].strip() and is_whole(model[:n], place)), len(model))
    shown = fitted(model[:whole], place, tree_at(context)).outcome
    if not isinstance(shown, Suggestion):
        return "silent"
    after = text[:cursor] + shown.text + context.suffix[shown.replaces :]
    return "whole" if after == text else "part" if text[cursor:].startswith(shown.text) else "wrong"


@pytest.mark.parametrize("suffix", LANGUAGES)
def test_a_line_that_opens_a_block_is_shown_with_it(suffix: str) -> None:
    found: Counter[str | None] = Counter()
    for path in sorted(FILES.glob(f"*{suffix}")):
        text, chance = path.read_text("utf-8"), random.Random(0)
        for _ in range(TRIES):
            found[outcome_of(text, chance.randrange(len(text)), LANGUAGES[suffix])] += 1
    del found[None]
    assert found.total() > 20
    assert found["wrong"] == 0
    assert found["silent"] <= MOST_SILENT * found.total()
    assert found["whole"] > found.total() / 2
