"""What the user is told of tests that were run: a sentence, and a page where something was dropped or found.

Input: a `Verdict`. Output: text. Knows nothing of how it came about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codefuse_lsp.prompts.fences import fenced

MOST_QUOTED = 120  # characters of code in a message

if TYPE_CHECKING:
    from codefuse_lsp.verification.drafts import Dropped, LikelyBug, Verdict


def summary(verdict: Verdict, runner: str, source: str) -> str:
    """Return what ran, what passed, what was dropped, what may be a bug, and which lines were run, in short."""
    passed, dropped, bugs = len(verdict.passed), len(verdict.dropped), len(verdict.bugs)
    parts = [f"{passed} passed"]
    parts += [f"{len(verdict.skipped)} skipped"] if verdict.skipped else []
    parts += [f"{dropped} dropped ({_first(verdict.dropped)})"] if dropped else []
    told = f"Ran {_count(passed + len(verdict.skipped) + dropped + bugs)} with {runner}: {', '.join(parts)}."
    if bugs:
        first, what = verdict.bugs[0], "a bug" if bugs == 1 else f"{bugs} bugs"
        sides = f"{_short(first.assertion)} expects {_short(first.expected)} and gets {_short(first.actual)}"
        told += f" {source} is likely to have {what}: {sides}."
    if verdict.coverage is not None:
        told += f" {source}: {verdict.coverage}."
    return told if verdict.added else f"{told} No test is offered."


def details(verdict: Verdict, command: str, language: str, source: str) -> str:
    """Return the page: likely bugs first, then each test that was dropped, with the reason."""
    parts = [f"# Tests of {source}\n\n{summary(verdict, command, source)}\n"]
    if verdict.bugs:
        parts.append(
            "## Likely bugs\n\nEach of these tests fails, and what it expects was said a second time, from the "
            "documentation alone, by the model that was shown neither the test's expectation nor what the code gives. "
            "They are not in the offered file.\n"
        )
        parts += [_bug(bug, language) for bug in verdict.bugs]
    if verdict.dropped:
        parts.append("## Dropped\n")
        parts += [f"`{one.name}`: {one.reason}.\n\n{fenced(one.code, language)}" for one in verdict.dropped]
    if verdict.passed:
        parts.append("## Offered\n\n" + "\n".join(f"- `{name}`" for name in (*verdict.passed, *verdict.skipped)) + "\n")
    return "\n".join(parts)


def _bug(bug: LikelyBug, language: str) -> str:
    sides = f"Expected: `{_inline(bug.expected)}`; the code gives: `{_inline(bug.actual)}`."
    return f"`{bug.name}`: {sides}\n\n{fenced(bug.code, language)}"


def _first(dropped: tuple[Dropped, ...]) -> str:
    more = f", and {len(dropped) - 1} more" if len(dropped) > 1 else ""
    return f"{dropped[0].name}: {dropped[0].reason}{more}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MOST_QUOTED else f"{line[:MOST_QUOTED]}…"


def _inline(text: str) -> str:
    return " ".join(text.replace("`", "'").split())


def _count(number: int) -> str:
    return "1 test" if number == 1 else f"{number} tests"
