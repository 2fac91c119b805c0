import pytest

from codefuse_lsp.context.imports import Imports, import_lines
from tests.context.places import cursor_in


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        (
            "python",
            "import os\nfrom a import (\n    b,\n)\nx = 1\nfrom .c import d \\\n    , e\n",
            [(0, 1), (1, 4), (5, 7)],
        ),
        (
            "typescript",
            "import {\n  a,\n} from './a';\nexport * from './b';\nconst c = require('c');\nlet d = 1;\n",
            [(0, 3), (3, 4), (4, 5)],
        ),
        ("go", 'package a\nimport (\n\t"fmt"\n)\n', [(1, 4)]),
        ("rust", "use std::{\n    io,\n};\nfn use_it() {}\n", [(0, 3)]),
        ("java", "package a;\nimport a.b.C;\n", [(1, 2)]),
        ("cpp", "#include <vector>\nint a;\n", [(0, 1)]),
        ("csharp", "using System;\nusing (var a = b) {}\n", [(0, 1)]),
        ("plaintext", "import this\n", []),
    ],
)
def test_import_statements_are_found_whole(language: str, text: str, expected: list[tuple[int, int]]) -> None:
    assert [(r.start, r.stop) for r in import_lines(text.splitlines(keepends=True), language)] == expected


def test_imports_that_the_window_cuts_off_are_told_once() -> None:
    far = cursor_in("import os\nimport sys\n" + "x = 1\n" * 100 + "‸\n", budget_chars=100)
    (snippet,) = Imports().find(far, 0.0)
    assert snippet.text == "import os\nimport sys\n"
    assert list(Imports().find(cursor_in("import os\n‸\n"), 0.0)) == []


def test_a_bracket_that_never_closes_does_not_make_a_file_an_import() -> None:
    lines = ["from a import (\n", *["x = 1\n"] * 400]
    assert import_lines(lines, "python") == [range(0, 1)]
