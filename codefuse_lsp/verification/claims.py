"""What a test claims of the code: an assertion, what it expects, and the same with a gap for what is expected.

Input: the text of a test, the row where it failed, and the name of the code under test. Output: a `Claim`, or None for
an assertion that expects nothing in so many words. Also compares what was expected with what somebody else expects.
Knows nothing of what the code really gives.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Literal

GAP = "____"
_NUMBER_ENDING = re.compile(r"(?<=\d)_?(?:[iu](?:8|16|32|64|128|size)|f32|f64|n|L)\b")


@dataclass(frozen=True, slots=True)
class Claim:
    """An assertion of one row: as it is written, with a gap, and what stood in the gap, on which side."""

    row: int
    written: str
    masked: str
    expected: str
    side: Literal["left", "right"] = "right"
    asks: Literal["value", "exception"] = "value"

    @property
    def before_gap(self) -> str:
        """What stands before the gap, to go on from."""
        return self.masked.partition(GAP)[0]


def claim_at(text: str, row: int | None, language: str) -> Claim | None:
    """Return what the line expects; None where that is not one literal value, or an exception."""
    lines = text.splitlines()
    if row is None or not 0 <= row < len(lines):
        return None
    for at in range(row, max(-1, row - 1 - _ROWS_ABOVE.get(language, 0)), -1):
        line = lines[at].strip()
        for pattern, kinds in _FORMS.get(language, _JS_FORMS):
            found = pattern.search(line)
            if found is not None and (claim := _claim(at, line, found, kinds)) is not None:
                return claim
    return None


def agrees(claim: Claim, answer: str) -> bool:
    """Return whether an answer for the gap is what the test expects there: the same value, however it is written."""
    given = _plain(answer)
    if claim.asks == "exception":
        return given.rpartition(".")[2] == claim.expected.rpartition(".")[2]
    one, other = _value(given), _value(claim.expected)
    return bool(given) and one == other and isinstance(one, bool) == isinstance(other, bool)


def _claim(row: int, line: str, found: re.Match[str], kinds: tuple[str, ...]) -> Claim | None:
    groups = found.groupdict()
    if "exception" in kinds:
        start, stop = found.span("right")
        return Claim(row, line, line[:start] + GAP + line[stop:], groups["right"], asks="exception")
    for side in ("right", "left"):
        if not (value := (groups.get(side) or "").strip()) or not _is_literal(value):
            continue
        other = groups.get("left" if side == "right" else "right") or ""
        if _is_literal(other.strip()):
            return None  # it says nothing of the code
        start = found.start(side) + len(groups[side]) - len(groups[side].lstrip())
        masked = line[:start] + GAP + line[start + len(value) :]
        return Claim(row, line, masked, value, "left" if side == "left" else "right")
    return None


_LITERAL = re.compile(
    r"""(?:pytest\.approx\()?(?:-?\d[\w.]*(?:[eE][+-]?\d+)?|True|False|None|true|false|null|undefined|nil|NaN|
    [rbuf]?'(?:[^'\\]|\\.)*'|[rbuf]?"(?:[^"\\]|\\.)*"|`[^`$]*`|[\[({{].*[\])}}])\)?""",
    re.X,
)


def _is_literal(value: str) -> bool:
    """Return whether a value is written out: numbers, texts, and what is made of them by brackets alone."""
    if not _LITERAL.fullmatch(value):
        return False
    bare = re.sub(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]*`""", "", value.removeprefix("pytest.approx"))
    words = set(re.findall(r"[A-Za-z_]\w*(?!\w*\s*:)", re.sub(r"\b\d\w*", "", bare)))
    return words <= {"True", "False", "None", "true", "false", "null", "undefined", "nil", "NaN"}


_ROWS_ABOVE = {"go": 2}  # where the condition stands above the line that complains
_FORMS: dict[str, tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]] = {
    "python": (
        (
            re.compile(
                r"^assert\s+(?P<left>.+?)\s*(?:==|\bis\b(?!\s+not))\s*(?P<right>[^,#]+?|[^#]*?[\])}'\"])\s*(?:#.*)?$"
            ),
            (),
        ),
        (re.compile(r"^self\.assert(?:Equal|Is|AlmostEqual)\((?P<left>.+?),\s*(?P<right>.+)\)$"), ()),
        (re.compile(r"^with\s+(?:pytest\.raises|self\.assertRaises)\((?P<right>[\w.]+)"), ("exception",)),
    ),
    "rust": ((re.compile(r"^assert_eq!\((?P<left>.+),\s*(?P<right>.+)\);?$"), ()),),
    "go": ((re.compile(r"(?:^|;|\bif)\s*(?P<left>[^;]+?)\s*!=\s*(?P<right>[^;{]+?)\s*\{"), ()),),
}
_JS_FORMS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (re.compile(r"expect\((?P<left>.+)\)\.(?:toBe|toEqual|toStrictEqual)\((?P<right>.+)\);?"), ()),
    (re.compile(r"assert\.(?:strictEqual|equal|deepEqual|deepStrictEqual)\((?P<left>.+),\s*(?P<right>.+)\);?"), ()),
)


def _plain(answer: str) -> str:
    """Return the value of an answer that may stand in a sentence, a fence or an assertion."""
    lines = [
        line for line in answer.strip().splitlines() if line.strip() and not line.lstrip().startswith(("```", "~~~"))
    ]
    line = lines[0].strip() if lines else ""
    quoted = re.search(r"`([^`]+)`", line)
    return (quoted[1] if quoted else line).strip().rstrip(".;,").strip()


def _value(written: str) -> object:
    """Return what a literal stands for, as far as its form tells; else its text without blanks."""
    text = written.strip()
    text = text[len("pytest.approx(") : -1] if text.startswith("pytest.approx(") else text
    text = _NUMBER_ENDING.sub("", text.removeprefix("&").removeprefix("vec!"))
    for name, value in (("true", "True"), ("false", "False"), ("null", "None"), ("nil", "None"), ("undefined", "None")):
        text = re.sub(rf"(?<!['\"\w]){name}(?!['\"\w])", value, text)
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return re.sub(r"\s+", "", text)
