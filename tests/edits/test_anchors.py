from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp import context
from codefuse_lsp.context.soundness import adds_flaws
from codefuse_lsp.edits.anchors import MergeRefused, merged
from codefuse_lsp.edits.indentation import indent_of, reindented
from codefuse_lsp.edits.lines import lines_of
from codefuse_lsp.edits.pieces import Piece, pieces_of

GOLDEN = Path(__file__).parents[1] / "golden" / "anchors"
CASES = [
    pytest.param(path.stem, case, id=f"{path.stem}: {case['name']}")
    for path in sorted(GOLDEN.glob("*.toml"))
    for case in tomllib.loads(path.read_text("utf-8"))["case"]
]


@pytest.mark.parametrize(("language", "case"), CASES)
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_a_block_goes_where_it_belongs(language: str, case: dict[str, Any], end: str) -> None:
    text = case["file"].replace("\n", end)
    if "refused" in case:
        with pytest.raises(MergeRefused, match=case["refused"]):
            merged(text, case["block"], language, case.get("cursor"))
        return
    found = merged(text, case["block"], language, case.get("cursor"))
    assert found.text.replace(end, "\n") == case["expected"]
    assert text == "" or found.text.count("\n") == found.text.count(end)
    assert case.get("note", "") in found.note
    assert ("note" in case) == bool(found.note)


def test_there_are_cases_in_many_languages() -> None:
    assert len(CASES) >= 40
    assert len({case.values[0] for case in CASES}) >= 6


WHOLE = [(param.values[0], param.values[1]["file"], param.values[1]["block"]) for param in CASES]


@st.composite
def python_files(draw: st.DrawFn) -> str:
    """Return a file of functions with unlike bodies, and odd white space and comments between them."""
    parts = []
    for number in range(draw(st.integers(1, 5))):
        gap = draw(st.sampled_from(["\n", "\n\n\n", "# between\n\n", "x = [\n   1,\n]\n\n", "\t\n"]))
        parts.append(f"{gap}def f{number}(a):\n    return {number}  # {draw(st.text('é🙂 x', max_size=3))}\n")
    return "".join(parts)


@given(python_files(), st.data())
def test_replacing_a_function_leaves_every_other_byte(text: str, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, text.count("def ") - 1))
    start = text.index(f"def f{number}(a)")
    stop = text.index("\n", text.index("return", start)) + 1
    found = merged(text, f"def f{number}(b):\n    return b\n", "python")
    assert found.text == f"{text[:start]}def f{number}(b):\n    return b\n{text[stop:]}"
    assert found.note == ""


@given(python_files(), st.data())
def test_a_new_function_beside_a_known_one_only_adds(text: str, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, text.count("def ") - 1))
    start = text.index(f"def f{number}(a)")
    old = text[start : text.index("\n", text.index("return", start)) + 1]
    found = merged(text, f"{old}\n\ndef new():\n    return 'new'\n", "python").text
    added = found.index("def new")
    before = found[:added].rstrip("\n")
    assert text.startswith(before)
    assert found.endswith(text[len(before) :].lstrip("\n"))


@given(st.sampled_from(WHOLE), st.sampled_from(WHOLE), st.none() | st.integers(0, 30))
def test_any_block_and_any_file_end_in_a_sound_file_or_a_sentence(
    one: tuple[str, str, str], other: tuple[str, str, str], cursor: int | None
) -> None:
    language, text, _ = one
    try:
        found = merged(text, other[2], language, cursor)
    except MergeRefused as refusal:
        assert str(refusal).endswith(".")
    else:
        assert not adds_flaws(text, found.text, language) or (not text and found.note)


@given(st.sampled_from(WHOLE))
def test_merging_a_file_into_itself_changes_nothing(case: tuple[str, str, str]) -> None:
    language, text, _ = case
    if text:
        assert merged(text, text, language).text == text


@given(st.sampled_from(WHOLE), st.none() | st.integers(0, 30))
def test_merging_a_block_twice_is_merging_it_once(case: tuple[str, str, str], cursor: int | None) -> None:
    language, text, block = case
    try:
        once = merged(text, block, language, cursor)
    except MergeRefused:
        return
    if not once.note:
        assert merged(once.text, block, language, cursor).text == once.text


REAL = sorted(Path(context.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_each_function_of_real_files_is_replaced_and_nothing_else(path: Path) -> None:
    text = path.read_text("utf-8")
    lines = lines_of(text)
    names = [piece.name for piece in every_piece(pieces_of(lines, "python") or [])]
    for piece in every_piece(pieces_of(lines, "python") or []):
        if piece.kind != "definition" or piece.members or names.count(piece.name) > 1:
            continue
        changed = [*lines[piece.code : piece.stop], f"{indent_of(lines[piece.stop - 1])}# changed\n"]
        found = merged(text, "".join(reindented(changed, "")), "python")
        assert found.text == "".join([*lines[: piece.code], *changed, *lines[piece.stop :]])
        assert found.note == ""


def every_piece(pieces: list[Piece]) -> list[Piece]:
    return [one for piece in pieces for one in (piece, *piece.all_members)]
