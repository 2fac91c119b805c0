from __future__ import annotations

import pytest

from codefuse_lsp.context.open_ends import body_to_come, closers


@pytest.mark.parametrize(
    ("language", "drawn", "expected"),
    [
        ("python", "f(a, [b│", (b"])", b")", b"")),
        ("python", "f(a, [b│])", (b"",)),
        ("python", "f(a, [b│])\n", (b"",)),
        ("python", "f('(', │)", (b"",)),
        ("python", "# (\nf(│", (b")", b"")),
        ("python", "x = 'a│\ny = 1\n", (b"'", b"")),
        ("python", "it's (\nf(│\n)\n", (b")", b"")),
        ("go", "func f() {\n\tg(│\n}\n", (b")", b"")),
        ("javascript", "function f() {│\n", (b"}", b"};", b"", b";")),
        ("html", "<ul><li>│</ul>", (b"</li>", b"")),
        ("html", "<p><br>│</p>", (b"",)),
        ("shellscript", "if a; then\n  for b in c; do\n    │\n  done\n", (b"\ndone\nfi", b"\nfi", b"")),
    ],
)
def test_what_would_close_what_is_open(language: str, drawn: str, expected: tuple[bytes, ...]) -> None:
    before, _, after = drawn.encode().partition("│".encode())
    assert closers(language, before, after) == expected


def test_a_language_of_ends_may_want_some() -> None:
    assert closers("ruby", b"def f\n  g(", b"\n") == (
        *(b")\nend\nend\nend", b"\nend\nend\nend", b")\nend\nend", b"\nend\nend", b")\nend", b"\nend"),
        *(b")", b""),
    )


def test_a_hundred_thousand_brackets_are_not_all_tried() -> None:
    assert max(map(len, closers("json", b"[" * 100_000, b""))) < 10


@pytest.mark.parametrize(
    ("line", "body"),
    [
        (b"  if x:", b"\n      pass"),
        (b"try:", b"\n    pass\nfinally: pass"),
        (b"match x:", b"\n    case _: pass"),
        (b"@a", b"\ndef f(): pass"),
        (b"x = 1", b""),
        (b"", b""),
    ],
)
def test_the_body_that_is_to_come(line: bytes, body: bytes) -> None:
    assert body_to_come("python", line) == body
    assert body_to_come("go", line) == b""
