from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.prompts.code_blocks import code_blocks
from codefuse_lsp.prompts.fences import fenced

LINES = st.sampled_from(
    ["```", "```py", "~~~~ x.js", "  ```", "- ```md", "😋", "a\r", "", "# src/a.py", "`b.go`:", "\u2028"]
)


def cut(text: str, start: int, end: int) -> str:
    return text.encode("utf-16-le", "surrogatepass")[2 * start : 2 * end].decode("utf-16-le", "surrogatepass")


def test_blocks_are_told_with_language_text_and_place() -> None:
    answer = "See 😋:\n```python\nx = 1\n```\nand\n~~~\nplain\n~~~"
    first, second = code_blocks(answer)
    assert (first.index, first.language, first.path, first.code) == (0, "python", "", "x = 1\n")
    assert cut(answer, first.start, first.end) == "```python\nx = 1\n```\n"
    assert (second.index, second.language, second.code) == (1, "", "plain\n")
    assert cut(answer, second.start, second.end) == "~~~\nplain\n~~~"


@given(st.lists(LINES, max_size=10).map("\n".join))
def test_every_block_is_where_it_is_said_to_be(answer: str) -> None:
    end = 0
    for index, block in enumerate(code_blocks(answer)):
        assert block.index == index and end <= block.start < block.end
        end = block.end
        whole = cut(answer, block.start, block.end)
        assert whole.lstrip(" -")[:3] in ("```", "~~~")
        assert "".join(block.code.split()) in "".join(whole.split())
    assert end <= len(answer.encode("utf-16-le", "surrogatepass")) // 2


@given(st.text("`~ab\n ", max_size=40))
def test_what_is_fenced_is_one_block(text: str) -> None:
    (block,) = code_blocks(f"Look:\n{fenced(text, 'go')}Done.")
    assert (block.code.strip("\n"), block.language) == (text.strip("\n"), "go")


@pytest.mark.parametrize(
    ("info", "language", "path"),
    [
        ("python", "python", ""),
        ("py", "python", ""),
        ("Python", "python", ""),
        ("c++", "cpp", ""),
        ("bash", "shellscript", ""),
        ("mermaid", "mermaid", ""),
        ("", "", ""),
        ("python src/app.py", "python", "src/app.py"),
        ('python title="src/app.py" linenos', "python", "src/app.py"),
        ("ts {1,3} filename='web/a b.ts'", "typescript", ""),
        ("python:src/app.py", "python", "src/app.py"),
        ("src/app.py", "python", "src/app.py"),
        ("Makefile", "makefile", "Makefile"),
        ("app.rs", "rust", "app.rs"),
        ("{.python file=tool.py}", "python", "tool.py"),
        ("python ../../etc/passwd.py", "python", ""),
        ("python /etc/x.py", "python", ""),
        ("python path=~/.ssh/id.pub", "python", ""),
        ("python C:/x.py", "python", ""),
    ],
)
def test_the_words_behind_the_fence_tell_language_and_path(info: str, language: str, path: str) -> None:
    (block,) = code_blocks(f"```{info}\nx\n```")
    assert (block.language, block.path) == (language, path)


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("# src/app.py", "src/app.py"),
        ("// web/main.ts", "web/main.ts"),
        ("<!-- index.html -->", "index.html"),
        ("/* a/b.css */", "a/b.css"),
        ("-- File: db/one.sql", "db/one.sql"),
        ("# filename: .github/workflows/ci.yml", ".github/workflows/ci.yml"),
        ("#!/usr/bin/env python", ""),
        ("# see app.py", ""),
        ("# TODO", ""),
        ("# 1.5", ""),
        ("# e.g.", ""),
        ("// https://example.org/a.js", ""),
        ("# ../secret.py", ""),
    ],
)
def test_a_first_line_that_is_a_comment_of_a_path_tells_it(line: str, path: str) -> None:
    (block,) = code_blocks(f"```\n{line}\nx\n```")
    assert block.path == path


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("**`src/app.py`**:", "src/app.py"),
        ("### src/app.py", "src/app.py"),
        ("1. In `src/app.py`:", "src/app.py"),
        ("src/app.py:\n", "src/app.py"),
        ("Change src/app.py like this:", ""),
        ("So:", ""),
    ],
)
def test_a_line_above_that_is_nothing_but_a_path_tells_it(line: str, path: str) -> None:
    (block,) = code_blocks(f"{line}\n```\nx\n```")
    assert block.path == path


def test_the_only_reference_is_meant_where_the_language_is_its_own() -> None:
    answer = "```python\nx\n```\n```bash\nls\n```\n```\ny\n```"
    assert [block.path for block in code_blocks(answer, ["a/b.py", "a/b.py"])] == ["a/b.py", "", "a/b.py"]
    assert {block.path for block in code_blocks(answer, ["a/b.py", "c.py"])} == {""}
    assert code_blocks("```python\n# c.py\n```", ["a/b.py"])[0].path == "c.py"


def test_a_fence_in_a_markdown_block_does_not_end_it() -> None:
    (block,) = code_blocks("```markdown\n# T\n```sh\nls\n```\nend\n```\nafter")
    assert block.code == "# T\n```sh\nls\n```\nend\n"


def test_a_block_in_a_list_is_told_without_the_indentation_of_the_list() -> None:
    (block,) = code_blocks("1. so\n\n   ```python\n   if x:\n       y\n z\n   ```\n")
    assert block.code == "if x:\n    y\nz\n"


def test_a_block_that_was_cut_off_is_told_as_far_as_it_goes() -> None:
    (block,) = code_blocks("```go\npackage a\nfunc")
    assert (block.code, block.start, block.end) == ("package a\nfunc", 0, 20)
