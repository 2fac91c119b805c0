from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import codefuse_lsp
from codefuse_lsp.context.grammars import nodes, parse
from codefuse_lsp.context.undefined import MOST_NODES, Undefined, names_elsewhere, undefined_names


def undefined(text: str, row: int = 1) -> list[str]:
    return [name.name for name in found(text, row)]


def found(text: str, row: int = 1) -> list[Undefined]:
    root, everywhere = parse(text, "python"), names_elsewhere(text, "python")
    assert root is not None and everywhere is not None
    return undefined_names(root, text.encode(), row, everywhere)


def function(body: str) -> str:
    return "def f(a):\n" + "".join(f"    {line}\n" for line in body.split("\n"))


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("return a", []),
        ("return b", ["b"]),
        ("return b + c + b", ["b", "c"]),
        ("b = a\nreturn b", []),
        ("print(b)\nb = a", ["b"]),
        ("b += a", ["b"]),
        ("for i in a:\n    print(i, j)\nreturn i", ["j"]),
        ("for i, (j, *k) in a:\n    print(i, j, k)", []),
        ("a.b = c.d", ["c"]),
        ("a[i] = 1", ["i"]),
        ("f(a=b)", ["b"]),
        ("with open(a) as file, b as (c, d):\n    print(file, c, d)", ["b"]),
        ("try:\n    b = 1\nexcept OSError as error:\n    print(error, b)\nfinally:\n    print(b)", []),
        ("return [b for b in a if b] + [b]", ["b"]),
        ("return [c for b in a for c in b]", []),
        ("return {b: c for b in a}", ["c"]),
        ("return b if (b := a) else None", []),
        ("if (b := a):\n    return b", []),
        ("return [y := 1 for x in a] + [y]", []),
        ("return lambda b, c=d: b + c + e", ["d", "e"]),
        ("def g(b, *c, d: int = 1, **e):\n    return b, c, d, e, h\nh = 1\nreturn g", []),
        ("def g():\n    return h", ["h"]),
        ("class B(C):\n    d = 1\n    e = d\n    def g(self):\n        return d", ["C", "d"]),
        ("import os.path, sys as system\nfrom m import n, o as p\nreturn os, system, n, p, sys, o", ["sys", "o"]),
        ("global b\nreturn b", []),
        ("match a:\n    case [b, *c] if b:\n        return b, c, d", ["d"]),
        ("match a:\n    case {'k': b, **c}:\n        return b, c\n    case str() as e:\n        return e", []),
        ("return f'{a} {b!r:>{c}}'", ["b", "c"]),
        ("b: Later = a\nreturn b", []),
        ("return len(a), __file__", []),
        ("# b\nreturn 'b'", []),
        ("return _('told')", []),
        ("return [(lambda: b + c) for b in a]", ["c"]),
        ("x = [b := 1 for c in a]\ndef g():\n    return b, c, x\nreturn g", ["c"]),
        ("class B:\n    c = __qualname__, __module__\nreturn B", []),
        ("def g[T: int, *U](b: T):\n    return T, U, V\nclass B[W](list[W]):\n    c = W\nreturn g, B", ["V"]),
        ("((b)) = 1\nfor ((c)), [d] in a:\n    print(b, c, d)", []),
    ],
)
def test_a_name_is_undefined_where_nothing_before_it_binds_it(body: str, names: list[str]) -> None:
    assert undefined(function(body)) == names


def test_what_stands_anywhere_at_the_top_level_holds_in_every_function() -> None:
    text = "import re\n" + function("return re, later, Later, shared, CONSTANT")
    text += "def later(): ...\nclass Later: ...\nif re:\n    CONSTANT = 1\n"
    text += "def g():\n    global shared\n    shared = 1\n    own = 2\n"
    assert undefined(text, 2) == [] and undefined(text.replace("return re", "return own, re"), 2) == ["own"]


def test_the_outermost_function_round_a_row_is_looked_at_and_outside_of_all_the_whole_file() -> None:
    text = "x = y\n" + function("def g():\n    return b\nreturn c") + "z = w\n"
    assert undefined(text, 3) == ["b", "c"] and undefined(text, 5) == ["w"]
    assert undefined(text, 0) == ["y", "b", "c", "w"]


def test_it_is_told_where_a_name_is_first_used_and_whether_it_is_called_there() -> None:
    assert found(function("x = b(c)\nreturn b")) == [Undefined("b", 1, is_called=True), Undefined("c", 1)]


@pytest.mark.parametrize("star", ["from m import *", "from m import (*)", "    from m import  *", "globals()['x'] = 1"])
def test_of_a_module_that_does_not_tell_its_names_nothing_is_told(star: str) -> None:
    assert names_elsewhere(f"{star}\nprint(x)\n", "python") is None


@pytest.mark.parametrize("language", ["javascript", "plaintext", ""])
def test_of_other_languages_nothing_is_said(language: str) -> None:
    assert names_elsewhere("x = y\n", language) is None


def test_what_is_broken_defines_names_and_uses_none() -> None:
    assert undefined(function("x = (b\nreturn c")) == []


def test_type_parameters_of_a_class_hold_in_its_methods() -> None:
    text = "class A[T](list[T]):\n    def f[U](self):\n        return T, U, V\n"
    assert undefined(text, 2) == ["V"]


def test_only_what_is_used_from_a_row_on_and_not_too_far_below_it_is_told() -> None:
    text = function("print(b)\nc = b\nprint(c, d)\nwith a as e:\n    print(h, e)\nprint(g)")
    root, elsewhere = parse(text, "python"), names_elsewhere("", "python")
    assert root is not None and elsewhere is not None
    told = undefined_names(root, text.encode(), 3, elsewhere, rows=3)
    assert [name.name for name in told] == ["d", "h"]


def test_a_statement_that_is_begun_is_read_to_its_end() -> None:
    text = function("x = [\n    y\n    for y in a\n    if z\n]\nprint(b)")
    root, elsewhere = parse(text, "python"), names_elsewhere("", "python")
    assert root is not None and elsewhere is not None
    assert [name.name for name in undefined_names(root, text.encode(), 1, elsewhere, rows=2)] == ["z"]


def test_no_more_of_a_function_is_read_than_there_is_time_for() -> None:
    text = function("\n".join(["print(a)"] * MOST_NODES) + "\nreturn b")
    assert undefined(text) == [] and undefined(text, MOST_NODES) == ["b"]


@pytest.mark.parametrize("begin", ["{} = 1", "for {} in a: pass", "with a as {}: pass", "lambda {}: b", "del {}"])
def test_no_depth_of_what_is_bound_is_too_deep(begin: str) -> None:
    body = begin.format("(" * 2000 + "b" + ")" * 2000)
    assert undefined(function(f"{body}\nreturn c")) in (["c"], [])


def test_no_depth_of_code_is_too_deep() -> None:
    assert undefined(function("return " + "(" * 3000 + "b" + ")" * 3000)) == []
    assert undefined(function("return " + " + ".join(["a"] * 5000))) == []


@pytest.mark.parametrize("package", ["codefuse_lsp", "the standard library"])
def test_code_that_runs_has_no_undefined_names_but_those_that_a_program_puts_there(package: str) -> None:
    """Of the library, those of one module are put into `globals()` by a way of its own while it is imported."""
    if package == "codefuse_lsp":
        paths = list(Path(codefuse_lsp.__file__).parent.rglob("*.py"))
    else:
        paths = list(Path(sysconfig.get_paths()["stdlib"]).glob("[a-i]*.py"))
        assert len(paths) > 50
    wrong = {path.name: names for path in paths if (names := _undefined_anywhere(path.read_text("utf-8")))}
    assert set(wrong) <= {"inspect.py"}, wrong


def _undefined_anywhere(text: str) -> set[str]:
    everywhere, root = names_elsewhere(text, "python"), parse(text, "python")
    if everywhere is None or root is None:
        return set()
    rows = [node.start_point.row + 1 for node in nodes(root) if node.type == "function_definition"]
    return {name.name for row in rows for name in undefined_names(root, text.encode(), row, everywhere)}


PIECES = st.sampled_from(
    [
        *("a", "b", " ", "\n", "\n    ", "\n        ", *":,.=()[]{}'", ":=", "+=", "f'"),
        *("for ", " in ", "if ", "else", "try", "except ", "with ", " as ", "import ", "class ", "match ", "case "),
        *("lambda ", "def ", "global ", "del ", "nonlocal "),
    ]
)


@given(st.lists(PIECES, max_size=30).map("".join))
def test_nothing_that_is_typed_breaks_it_and_what_is_found_is_used_there(body: str) -> None:
    text = f"def f(a):\n    {body}\n"
    for name in found(text):
        assert name.name in text.split("\n")[name.row]


@given(st.lists(st.sampled_from(["b = a", "c = b", "print(c)", "d = 1", "c += d", "b += 1"]), max_size=6))
def test_straight_code_fails_for_a_name_just_where_one_is_undefined(lines: list[str]) -> None:
    text, space = function("\n".join(lines) or "pass"), {"print": lambda value: None}
    exec(text, space)
    try:
        space["f"](1)
        fails = False
    except NameError:
        fails = True
    assert fails == bool(undefined(text))
