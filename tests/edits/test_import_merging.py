from __future__ import annotations

import pytest

from codefuse_lsp.edits.import_merging import added_import


@pytest.mark.parametrize(
    ("language", "statement", "known", "expected"),
    [
        pytest.param("python", "import os\n", ["import os\n"], None, id="known"),
        pytest.param("python", "import os\n", ["import re\n"], (-1, "import os\n"), id="new"),
        pytest.param(
            "python", "from a import c\n", ["from a import b\n"], (0, "from a import b, c\n"), id="a name more"
        ),
        pytest.param("python", "from a import b\n", ["from a import b, c\n"], None, id="a known name"),
        pytest.param(
            "python", "from a import b as x\n", ["from a import b\n"], (0, "from a import b, b as x\n"), id="an alias"
        ),
        pytest.param(
            "python", "from a import *\n", ["from a import b\n"], (-1, "from a import *\n"), id="all names are another"
        ),
        pytest.param("python", "from .a import b\n", ["from a import b\n"], (-1, "from .a import b\n"), id="a module"),
        pytest.param(
            "python",
            "from a import d\n",
            ["from a import (\n    b,\n    c,\n)\n"],
            (-1, "from a import d\n"),
            id="lines",
        ),
        pytest.param("python", "from a import c\n", ["from a import (\n    b,\n    c,\n)\n"], None, id="within lines"),
        pytest.param(
            "typescript",
            "import { b } from './a';\n",
            ["import { a } from './a';\n"],
            (0, "import { a, b } from './a';\n"),
            id="named",
        ),
        pytest.param(
            "typescript",
            "import type { b } from './a';\n",
            ["import { a } from './a';\n"],
            (-1, "import type { b } from './a';\n"),
            id="types are another",
        ),
        pytest.param("javascript", 'import a from "a"\n', ["import a from 'a';\n"], None, id="quotes say nothing"),
        pytest.param(
            "go", 'import "os"\n', ['import (\n\t"fmt"\n)\n'], (0, 'import (\n\t"fmt"\n\t"os"\n)\n'), id="into a block"
        ),
        pytest.param("go", 'import "fmt"\n', ['import (\n\t"fmt"\n)\n'], None, id="of a block"),
        pytest.param(
            "go", 'import (\n\t"fmt"\n\t"os"\n)\n', ['import "fmt"\n'], (-1, 'import "os"\n'), id="beside a line"
        ),
    ],
)
def test_an_import_is_added(language: str, statement: str, known: list[str], expected: object) -> None:
    assert added_import(statement, known, language) == expected
