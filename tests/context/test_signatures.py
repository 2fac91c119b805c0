import os
import time
from pathlib import Path

import pytest

from codefuse_lsp.context import signatures
from codefuse_lsp.context.ignore import Ignore
from codefuse_lsp.context.modules import Imported, imported
from codefuse_lsp.context.outline import outline
from codefuse_lsp.context.signatures import Signatures
from codefuse_lsp.context.snippets import Snippet
from tests.context.places import cursor_in

STACK = '''\
"""Stacks."""
import os


class Stack(list[int]):
    """A stack of numbers.

    More about it.
    """

    size: int
    _secret: int

    def __init__(self, items: list[int], *,
                 limit: int = 3) -> None:  # why
        self.items = items

    @property
    def top(self) -> int:
        """Return the last."""
        return self.items[-1]

    def _hidden(self): ...


@lru_cache
async def push_all(stack: Stack, *items: int) -> None:
    """Push them all."""


LIMIT = 3
'''
STACK_CLASS = '''\
class Stack(list[int]):
    """A stack of numbers."""
    size: int
    def __init__(self, items: list[int], *, limit: int = 3) -> None: ...
    @property
    def top(self) -> int:
        """Return the last."""'''


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def found(root: Path, importer: str, text: str, language: str = "python") -> dict[str, str]:
    question = Ignore([root], ignore_case=False)
    source = Signatures([root], lambda path: question.reason_unasked(path) is None)
    cursor = cursor_in(text + "‸\n", path=str(root / importer), language=language)
    snippets: list[Snippet] = list(source.find(cursor, time.monotonic() + 60))
    return {os.path.relpath(snippet.path, root).replace(os.sep, "/"): snippet.text for snippet in snippets}


def test_a_class_is_told_by_its_header_its_fields_and_its_public_methods() -> None:
    assert outline(STACK, "python") == {
        "Stack": STACK_CLASS,
        "push_all": '@lru_cache\nasync def push_all(stack: Stack, *items: int) -> None:\n    """Push them all."""',
    }


def test_typescript_is_told_by_its_exports() -> None:
    text = """\
export default class Cart<T> extends Base {
  private items: Item[] = [];
  total: number = 0;
  constructor(readonly shop: Shop) { super(); }
  add(item: Item,
      count = 1): void { this.items.push(item); }
}
export interface Item { name: string; price: number }
export type Id = string | number;
export async function load(id: Id): Promise<Cart<Id>> { return null!; }
export const price = (item: Item): number => item.price;
const hidden = 3;
"""
    found = outline(text, "typescript")
    assert found["Cart"] == found["default"]
    assert found["Cart"].splitlines() == [
        "export default class Cart<T> extends Base {",
        "  total: number;",
        "  constructor(readonly shop: Shop);",
        "  add(item: Item, count = 1): void;",
        "}",
    ]
    assert found["Item"] == "export interface Item { name: string; price: number }"
    assert found["Id"] == "export type Id = string | number;"
    assert found["load"] == "export async function load(id: Id): Promise<Cart<Id>> {}"
    assert found["price"] == "export const price = (item: Item): number => {}"
    assert "hidden" not in found


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("python", "import a.b as c, d", [Imported("a.b"), Imported("d")]),
        ("python", "from ..a import b as c, d", [Imported("..a", ("b", "d"))]),
        ("python", "from . import a\nfrom b import *", [Imported(".", ("a",)), Imported("b", ("*",))]),
        ("typescript", "import A, { b as c } from './a'", [Imported("./a", ("default", "b"))]),
        ("typescript", "import * as a from './a'", [Imported("./a", ("*",))]),
        (
            "typescript",
            "export * from './a'; export { b } from './b'",
            [Imported("./a", ("*",)), Imported("./b", ("b",))],
        ),
        ("javascript", "const { a, b } = require('./a')", [Imported("./a", ("a", "b"))]),
        ("javascript", "const a = require('./a')", [Imported("./a", ("*",))]),
        ("plaintext", "import a", []),
    ],
)
def test_imports_are_read(language: str, text: str, expected: list[Imported]) -> None:
    assert imported(text, language) == expected


@pytest.mark.parametrize(
    ("stack", "importer", "statement"),
    [
        ("stack.py", "main.py", "from stack import Stack"),
        ("src/app/stack.py", "tests/test_stack.py", "from app.stack import Stack"),
        ("app/stack.py", "app/deep/main.py", "from ..stack import (\n    Stack,\n)"),
        ("app/stack/__init__.py", "app/main.py", "from .stack import Stack"),
        ("app/stack.pyi", "main.py", "from app.stack import Stack as S"),
    ],
)
def test_python_modules_are_found(tmp_path: Path, stack: str, importer: str, statement: str) -> None:
    put(tmp_path / stack, STACK)
    assert found(tmp_path, importer, statement + "\n") == {stack: STACK_CLASS + "\n"}


def test_a_module_that_is_imported_whole_is_told_whole(tmp_path: Path) -> None:
    put(tmp_path / "app" / "stack.py", STACK)
    put(tmp_path / "app" / "__init__.py", "")
    for statement in ("from app import stack\n", "import app.stack as s\n", "from app.stack import *\n"):
        assert "push_all" in found(tmp_path, "main.py", statement)["app/stack.py"]


def test_a_name_that_a_package_passes_on_is_followed_to_its_module(tmp_path: Path) -> None:
    put(tmp_path / "app" / "stack.py", STACK)
    put(tmp_path / "app" / "__init__.py", "from .stack import Stack, push_all\n")
    assert found(tmp_path, "main.py", "from app import Stack\n") == {"app/stack.py": STACK_CLASS + "\n"}


def test_what_is_named_near_the_cursor_comes_before_what_is_only_imported(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        put(tmp_path / f"{name}.py", f"def make_{name}(): ...\n")
    source = Signatures([tmp_path], lambda path: True)
    text = "from a import make_a\nfrom b import make_b\nfrom c import make_c\n" + "\n" * 60 + "x = make_c()\n‸\n"
    snippets = source.find(cursor_in(text, path=str(tmp_path / "main.py")), time.monotonic() + 60)
    ranked = sorted(snippets, key=lambda snippet: -snippet.score)
    assert [Path(snippet.path).stem for snippet in ranked] == ["c", "a", "b"]


def test_packages_that_pass_each_other_round_come_to_an_end(tmp_path: Path) -> None:
    put(tmp_path / "a.py", "from b import x\n")
    put(tmp_path / "b.py", "from a import x\n")
    assert found(tmp_path, "main.py", "from a import x\n") == {}


@pytest.mark.parametrize(
    ("file", "statement", "config"),
    [
        ("src/cart.ts", "import { Cart } from './cart'", ""),
        ("src/cart.ts", "import { Cart } from './cart.js'", ""),
        ("src/cart/index.tsx", "import { Cart } from './cart'", ""),
        ("lib/cart.d.ts", "import { Cart } from '../lib/cart'", ""),
        (
            "lib/shop/cart.ts",
            "import { Cart } from '@/shop/cart'",
            '{"compilerOptions": {"paths": {"@/*": ["./lib/*"]}}}',
        ),
        ("lib/cart.ts", "import { Cart } from 'cart'", '{ // base\n"compilerOptions": {"baseUrl": "lib",},}'),
    ],
)
def test_script_modules_are_found(tmp_path: Path, file: str, statement: str, config: str) -> None:
    put(tmp_path / file, "export class Cart { add(x: number): void {} }\n")
    if config:
        put(tmp_path / "tsconfig.json", config)
    told = found(tmp_path, "src/main.ts", statement + "\n", "typescript")
    assert told == {file: "export class Cart {\n  add(x: number): void;\n}\n"}


def test_ignored_files_and_those_outside_the_workspace_are_never_read(tmp_path: Path) -> None:
    root = tmp_path / "work"
    put(root / ".gitignore", "private.py\n")
    put(root / "private.py", STACK)
    put(tmp_path / "outside.py", STACK)
    (root / "link.py").symlink_to(tmp_path / "outside.py")
    for statement in ("from private import Stack\n", "from ..outside import Stack\n", "from link import Stack\n"):
        assert found(root, "app/main.py", statement) == {}


def test_an_unchanged_import_list_is_not_looked_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "stack.py", STACK)
    source = Signatures([tmp_path], lambda path: True)
    first = source.find(cursor_in("from stack import Stack\n‸\n", path=str(tmp_path / "a.py")), time.monotonic() + 60)
    monkeypatch.setattr(signatures, "imported", lambda *_: pytest.fail("parsed again"))
    again = cursor_in("from stack import Stack\nx = 1‸\n", path=str(tmp_path / "a.py"))
    assert source.find(again, time.monotonic() + 60) == first != []


def test_a_changed_file_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatures, "RECHECK_S", 0.0)
    source = Signatures([tmp_path], lambda path: True)
    cursor = cursor_in("from stack import f\n‸\n", path=str(tmp_path / "a.py"))
    put(tmp_path / "stack.py", "def f(a): ...\n")
    assert [s.text for s in source.find(cursor, time.monotonic() + 60)] == ["def f(a): ...\n"]
    put(tmp_path / "stack.py", "def f(a, bcd): ...\n")
    assert [s.text for s in source.find(cursor, time.monotonic() + 60)] == ["def f(a, bcd): ...\n"]


@pytest.mark.parametrize(
    "text", ["class", "class A", "def f(", "@", "class A:\n    def", "\0", "x" * 10_000, "class A:\n  '''"]
)
def test_broken_files_are_outlined_as_far_as_they_go(text: str) -> None:
    outline(text, "python")
    outline(text, "typescript")


def test_a_document_is_not_told_of_itself_by_way_of_a_link(tmp_path: Path) -> None:
    text = "from mypkg.app import total\nfrom mypkg.other import Stack\n\n\ndef total() -> int:\n    return 1\n"
    put(tmp_path / "app.py", text)
    put(tmp_path / "other.py", STACK)
    (tmp_path / "mypkg").symlink_to(tmp_path)
    assert found(tmp_path, "app.py", text).keys() == {"mypkg/other.py"}
