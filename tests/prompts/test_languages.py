import pytest

from codefuse_lsp.context.languages import SUFFIXES
from codefuse_lsp.prompts.languages import LANGUAGES, display_name, fence_name, language_tag


@pytest.mark.parametrize(
    ("language", "tag"),
    [
        ("python", "# language: Python"),
        ("cpp", "// language: C++"),
        ("sql", "-- language: SQL"),
        ("html", "<!--language: HTML-->"),
        ("css", "/* language: CSS */"),
        ("shellscript", "# language: Shell"),
        ("latex", "% language: TeX"),
        ("typescriptreact", "// language: TypeScript"),
        ("brainfuck", "# language: brainfuck"),
        ("plaintext", ""),
        ("", ""),
    ],
)
def test_the_tag_line_is_a_comment_of_its_language(language: str, tag: str) -> None:
    assert language_tag(language) == tag


def test_every_language_known_by_its_files_has_a_name() -> None:
    assert set(SUFFIXES) <= set(LANGUAGES)


def test_names_are_those_people_and_markdown_use() -> None:
    assert (display_name("cpp"), display_name("odd")) == ("C++", "odd")
    assert (fence_name("typescriptreact"), fence_name("plaintext"), fence_name("go")) == ("tsx", "", "go")
