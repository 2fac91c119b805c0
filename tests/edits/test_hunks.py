from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.edits.hunks import Hunk, applied, hunks
from codefuse_lsp.edits.lines import lines_of

LINE = st.sampled_from(["a", "b", "  c", "}", "", "  }", "x = 1", "naïve 🙂", "\x0c", "\u2028"])
END = st.sampled_from(["\n", "\r\n", "\r"])
TEXT = st.lists(st.tuples(LINE, END), max_size=14).map(lambda lines: "".join(map("".join, lines)))
LOOSE = st.tuples(TEXT, LINE).map("".join)  # its last line may have no end


def shown(old: str, new: str) -> list[tuple[str, str]]:
    return [(hunk.old, hunk.new) for hunk in hunks(old, new)]


@given(LOOSE, LOOSE)
def test_all_hunks_make_the_new_text_and_none_the_old_one(old: str, new: str) -> None:
    found = hunks(old, new)
    assert applied(old, found) == new
    assert applied(old, []) == old


@given(LOOSE, LOOSE, st.data())
def test_any_choice_of_hunks_keeps_every_other_line_byte_for_byte(old: str, new: str, data: st.DataObject) -> None:
    found = hunks(old, new)
    chosen = [hunk for hunk in found if data.draw(st.booleans())]
    lines, expected, done = lines_of(old), "", 0
    for hunk in chosen:
        assert "".join(lines[hunk.start : hunk.stop]) == hunk.old
        expected += "".join(lines[done : hunk.start]) + hunk.new
        done = hunk.stop
    assert applied(old, chosen) == expected + "".join(lines[done:])
    assert applied(old, chosen[::-1]) == applied(old, chosen)


@given(LOOSE, LOOSE)
def test_hunks_stand_in_order_with_a_line_between_them_and_change_something(old: str, new: str) -> None:
    found = hunks(old, new)
    assert all(first.stop < second.start for first, second in itertools.pairwise(found))
    assert all(hunk.old != hunk.new for hunk in found)
    assert len({hunk.id for hunk in found}) == len(found)


@given(LOOSE)
def test_a_text_does_not_differ_from_itself(text: str) -> None:
    assert hunks(text, text) == []


def test_a_changed_line_is_a_hunk_of_its_own() -> None:
    old = "def area(w, h):\n    return w + h\n\n\ndef edge(w, h):\n    return w + h + 1\n"
    new = "def area(w, h):\n    return w * h\n\n\ndef edge(w, h):\n    return 2 * (w + h)\n"
    assert hunks(old, new) == [
        Hunk(hunks(old, new)[0].id, 1, 2, "    return w + h\n", "    return w * h\n"),
        Hunk(hunks(old, new)[1].id, 5, 6, "    return w + h + 1\n", "    return 2 * (w + h)\n"),
    ]


def test_a_hunk_keeps_its_id_when_others_come_and_go() -> None:
    old = "a = 1\nb = 2\nc = 3\n"
    (alone,) = hunks(old, "a = 1\nb = 2\nc = 4\n")
    both = hunks(old, "a = 0\nb = 2\nc = 4\n")
    assert alone.id == both[1].id != both[0].id


def test_a_function_that_is_added_is_one_hunk_with_its_own_brace() -> None:
    old = "function a() {\n  one();\n}\n\nfunction c() {\n  three();\n}\n"
    new = "function a() {\n  one();\n}\n\nfunction b() {\n  two();\n}\n\nfunction c() {\n  three();\n}\n"
    assert shown(old, new) == [("", "function b() {\n  two();\n}\n\n")]


def test_a_function_that_is_taken_away_is_one_hunk_with_its_own_brace() -> None:
    new = "function a() {\n  one();\n}\n\nfunction c() {\n  three();\n}\n"
    old = "function a() {\n  one();\n}\n\nfunction b() {\n  two();\n}\n\nfunction c() {\n  three();\n}\n"
    assert shown(old, new) == [("function b() {\n  two();\n}\n\n", "")]


def test_a_brace_between_two_changes_does_not_tear_them_apart() -> None:
    old = "if (a) {\n  x();\n}\ny();\nz();\n"
    new = "while (b) {\n  w();\n}\nv();\nz();\n"
    assert shown(old, new) == [("if (a) {\n  x();\n}\ny();\n", "while (b) {\n  w();\n}\nv();\n")]


def test_a_body_that_is_wrapped_keeps_what_stands_round_it() -> None:
    old = "void f() {\n  a();\n  b();\n}\n\nvoid g() {\n  c();\n}\n"
    new = "void f() {\n  if (x) {\n    a();\n    b();\n  }\n}\n\nvoid g() {\n  c();\n}\n"
    assert shown(old, new) == [("  a();\n  b();\n", "  if (x) {\n    a();\n    b();\n  }\n")]


def test_line_ends_are_part_of_a_line() -> None:
    assert shown("a\r\nb\r\n", "a\r\nc\r\n") == [("b\r\n", "c\r\n")]
    assert shown("a\nb", "a\nb\nc\n") == [("b", "b\nc\n")]
    assert shown("a\r\n", "a\n") == [("a\r\n", "a\n")]


def test_a_large_rewrite_without_an_anchor_is_one_hunk() -> None:
    old, new = "}\n{\n" * 3_000, "{\n;\n" * 3_000
    (only,) = hunks(old, new)
    assert applied(old, [only]) == new
