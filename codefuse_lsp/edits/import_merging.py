"""Import statements of a block, as changes of those that a file has.

Input: two import statements, or one and the file's. Output: the text of the one that says both. Knows nothing of where
it stands.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_FROM = re.compile(r"\s*from\s+(?P<module>[\w.]+)\s+import\s+\(?(?P<names>[^()#;]*)\)?\s*", re.S)
_NAMED = re.compile(
    r"""\s*import\s+(?P<kind>type\s+)?\{(?P<names>[^{}]*)\}\s*from\s*(?P<module>['"][^'"]+['"]);?\s*""", re.S
)
_GO_BLOCK = re.compile(r"import\s*\((?P<specs>[^()]*)\)\s*", re.S)
_GO_ONE = re.compile(r"import\s+(?P<specs>[^()\n]+)\s*")
LONGEST_LINE = 88  # characters of a statement that names are added to in place


def added_import(statement: str, known: Sequence[str], language: str) -> tuple[int, str] | None:
    """Return which of the file's statements to change and into what, -1 for a new one; None where all is known."""
    flat = _flat(statement)
    if any(_flat(one) == flat for one in known):
        return None
    if language == "go":
        return _go(statement, known)
    pattern = _FROM if language == "python" else _NAMED
    wanted = pattern.fullmatch(statement)
    if wanted is None or wanted["names"].strip() == "*":
        return -1, statement
    for number, one in enumerate(known):
        there = pattern.fullmatch(one)
        if there is None or _key(there) != _key(wanted):
            continue
        missing = [name for name in _names(wanted["names"]) if name not in _names(there["names"])]
        if not missing:
            return None
        joined = one[: there.end("names")].rstrip().rstrip(",") + ", " + ", ".join(missing)
        joined += one[len(one[: there.end("names")].rstrip()) :]
        if "\n" not in one.strip() and len(joined.rstrip()) <= LONGEST_LINE:
            return number, joined
    return -1, statement


def _go(statement: str, known: Sequence[str]) -> tuple[int, str] | None:
    wanted = _go_specs(statement)
    there = {spec for one in known for spec in _go_specs(one)}
    missing = [spec for spec in wanted if spec not in there]
    if not missing:
        return None
    for number, one in enumerate(known):
        if block := _GO_BLOCK.fullmatch(one):
            end = "\r\n" if "\r\n" in one else "\n"
            inside = one[: block.end("specs")].rstrip() + "".join(f"{end}\t{spec}" for spec in missing)
            return number, inside + end + one[block.end("specs") :]
    return -1, statement if len(missing) == len(wanted) else "".join(f"import {spec}\n" for spec in missing)


def _go_specs(statement: str) -> list[str]:
    found = _GO_BLOCK.fullmatch(statement) or _GO_ONE.fullmatch(statement)
    return [line.strip() for line in found["specs"].splitlines() if line.strip()] if found else []


def _key(found: re.Match[str]) -> tuple[str, str]:
    groups = found.groupdict()
    return groups["module"].strip("'\""), (groups.get("kind") or "").strip()


def _names(text: str) -> list[str]:
    return [" ".join(name.split()) for name in text.split(",") if name.strip()]


def _flat(statement: str) -> str:
    return " ".join(statement.replace('"', "'").rstrip().rstrip(";").split())
