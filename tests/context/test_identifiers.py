"""Names: where one stands, which are in use, and how another is written in its style."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.context.identifiers import fitting_names, identifier_at, names_in, restyled
from codefuse_lsp.context.keywords import keywords


def at(drawn: str, language: str = "python") -> str | None:
    before, _, after = drawn.partition("│")
    found = identifier_at(before + after, language, before.count("\n"), len(before.rpartition("\n")[2]))
    return found.name if found else None


@pytest.mark.parametrize(
    ("drawn", "language", "name"),
    [
        ("wi│dth = 1\n", "python", "width"),
        ("width│ = 1\n", "python", "width"),
        ("'🍕'; größ│e = 1\n", "python", "größe"),
        ("x = 'wi│dth'\n", "python", None),
        ("# wi│dth\n", "python", None),
        ("re│turn\n", "python", None),
        ("x = 1 │ + 2\n", "python", None),
        ("x = f'{wi│dth}'\n", "python", "width"),
        ("const a = { wi│dth: 1 };\n", "javascript", "width"),
        ("class Bo│x {}\n", "java", "Box"),
        ("func (b *Box) Ar│ea() {}\n", "go", "Area"),
        ("struct bo│x { int w; };\n", "c", "box"),
        ("def ar│ea; end\n", "ruby", "area"),
        ("wi│dth\n", "cobol", "width"),
    ],
)
def test_the_name_at_a_place(drawn: str, language: str, name: str | None) -> None:
    assert at(drawn, language) == name


def test_names_in_use_are_those_of_code() -> None:
    assert names_in("def area(w):  # comment\n    return w * height('text')\n", "python") == {"area", "w", "height"}


@pytest.mark.parametrize(
    ("name", "like", "expected"),
    [
        ("widthLimit", "max_w", "width_limit"),
        ("width_limit", "maxW", "widthLimit"),
        ("width-limit", "MaxW", "WidthLimit"),
        ("widthLimit", "MAX_W", "WIDTH_LIMIT"),
        ("HTTPServer", "my_server", "http_server"),
        ("widthLimit", "_max_w", "_width_limit"),
        ("widest", "w", "widest"),
        ("widthLimit", "w", "widthLimit"),
        ("größe2", "max_w", "größe_2"),
        ("2x", "w", ""),
        ("", "w", ""),
        ("--", "w", ""),
    ],
)
def test_a_name_is_written_as_the_old_one_is(name: str, like: str, expected: str) -> None:
    assert restyled(name, like) == expected


def test_names_that_are_taken_forbidden_or_no_names_do_not_fit() -> None:
    proposed = ["class", "w", "h", "width", "Width", "2", "x" * 70, "old"]
    assert fitting_names(proposed, "old", {"h"}, "python") == ["w", "width"]


@pytest.mark.parametrize(
    "language", ["python", "c", "cpp", "csharp", "go", "java", "lua", "php", "ruby", "rust", "typescript"]
)
def test_every_language_has_its_keywords(language: str) -> None:
    assert {"if", "for", "while"} - {"while"} <= keywords(language)


@given(st.text(max_size=30), st.sampled_from(["max_w", "maxW", "MaxW", "MAX_W", "_x", "w"]))
def test_what_fits_is_an_identifier(name: str, old: str) -> None:
    assert all(found.isidentifier() and found != old for found in fitting_names([name], old, (), "python"))
