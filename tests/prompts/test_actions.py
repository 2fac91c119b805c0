from pathlib import PurePosixPath

import pytest

from codefuse_lsp.context.syntax import parses
from codefuse_lsp.context.test_files import TestFile
from codefuse_lsp.prompts import actions
from codefuse_lsp.prompts.formats import ModelFormat
from codefuse_lsp.prompts.heads import Subject, head_of

CODEFUSE = ModelFormat("codefuse")
PLAIN = ModelFormat("plain")
BOT = "<|role_start|>bot<|role_end|>"
ADD = Subject("def add(a, b):\n    return a + b\n", "python", "shop/cart.py", "add", module="shop.cart")


def file(path: str, framework: str, exists: bool = False, in_source: bool = False) -> TestFile:
    return TestFile(PurePosixPath(path), framework, exists, in_source)


PYTEST = file("tests/test_cart.py", "pytest")


def test_an_explanation_is_asked_for_code_in_a_fence() -> None:
    prompt = actions.explain_prompt("x = 1\n", "python", "a.py", CODEFUSE)
    assert prompt.text.startswith("<|role_start|>human<|role_end|>Explain the following Python code from `a.py`")
    assert prompt.text.endswith("```python\nx = 1\n```\n" + BOT)
    assert "system" not in prompt.text


def test_the_system_text_comes_first_where_one_is_set() -> None:
    prompt = actions.explain_prompt("x", "python", "a.py", CODEFUSE, system="Be brief.")
    assert prompt.text.startswith("<|role_start|>system<|role_end|>Be brief.<|role_start|>human<|role_end|>")
    tests = actions.tests_prompt(ADD, PYTEST, CODEFUSE, system="Be brief.")
    assert tests.prompt.text.startswith("<|role_start|>system<|role_end|>Be brief.<|role_start|>human<|role_end|>")


def test_long_code_is_cut_at_a_line_end() -> None:
    code = "".join(f"line{n}\n" for n in range(1000))
    prompt = actions.explain_prompt(code, "python", "a.py", CODEFUSE, max_chars=100)
    assert "line14\n```" in prompt.text and "line15" not in prompt.text
    assert len(actions.explain_prompt("x" * 10**6, "python", "a.py", CODEFUSE).text) < 10_000


def test_tests_are_asked_for_with_the_head_of_their_file_as_the_beginning_of_the_answer() -> None:
    tests = actions.tests_prompt(ADD, PYTEST, CODEFUSE)
    human, _, bot = tests.prompt.text.partition(BOT)
    assert "Write unit tests with pytest for `add` from `shop/cart.py`." in human
    assert "return a + b" in human
    assert tests.head == "from shop.cart import add\n\n\ndef test_add():"
    assert bot == "```python\n" + tests.head
    assert tests.prompt.stop == ("<|role_start|>", "<|role_end|>", "\n```")


def test_a_plain_model_gets_the_head_without_a_fence() -> None:
    tests = actions.tests_prompt(ADD, PYTEST, PLAIN)
    assert tests.prompt.text.endswith("\n\n" + tests.head)
    assert tests.prompt.stop == ()


def test_the_rest_of_the_source_and_the_tests_so_far_are_shown() -> None:
    subject = Subject("def add(): ...", "python", "a.py", "add", module="a", source_head="import decimal\n")
    text = actions.tests_prompt(subject, PYTEST, CODEFUSE, "def test_sub():\n    assert sub() == 3\n").prompt.text
    assert "The file begins:\n```python\nimport decimal\n```" in text
    assert "The tests so far end:\n```python\ndef test_sub():\n    assert sub() == 3\n```" in text


@pytest.mark.parametrize(
    ("existing", "head"),
    [
        ("import a\n", "\n\nfrom shop.cart import add\n\n\ndef test_add():"),
        ("from shop.cart import add, sub\n\n\ndef test_sub(): ...\n", "\n\ndef test_add():"),
        ("from shop.cart import (\n    sub,\n    add,\n)\n\n\n", "def test_add():"),
        ("import shop.cart", "\n\n\ndef test_add():"),
        ("from shop.cart import add\ndef test_add(): ...\n", "\n\ndef test_add_2():"),
        ("from shop.cart import add_all\n", "\n\nfrom shop.cart import add\n\n\ndef test_add():"),
    ],
)
def test_what_is_appended_repeats_neither_imports_nor_names(existing: str, head: str) -> None:
    assert head_of(ADD, "pytest", "test_cart", existing) == head


METHOD = {"name": "add_item", "owner": "ShopCart"}


@pytest.mark.parametrize(
    ("subject", "framework", "stem", "head", "rest"),
    [
        (
            Subject("", "python", "a.py", module="a", **METHOD),
            "pytest",
            "test_a",
            "from a import ShopCart\n\n\ndef test_shop_cart_add_item():",
            "\n    assert True\n",
        ),
        (
            Subject("x = 1", "python", "a.py", module="a"),
            "pytest",
            "test_a",
            "import a\n\n\ndef test_code():",
            "\n    assert a\n",
        ),
        (
            Subject("export function add() {}", "typescript", "a.ts", "add", module="./a"),
            "vitest",
            "a.test",
            "import { describe, expect, it } from 'vitest';\nimport { add } from './a';\n\n"
            "describe('add', () => {\n  it(",
            "'adds', () => {});\n});\n",
        ),
        (
            Subject("export default class Cart {}", "javascript", "a.js", "Cart", module="./a"),
            "jest",
            "a.test",
            "import Cart from './a';\n\ndescribe('Cart', () => {\n  it(",
            "'adds', () => {});\n});\n",
        ),
        (
            Subject("function add() {}", "javascript", "a.js", "add", "", "./a", "const b = require('b');"),
            "node:test",
            "a.test",
            "const assert = require('node:assert/strict');\nconst { describe, it } = require('node:test');\n"
            "const { add } = require('./a');\n\ndescribe('add', () => {\n  it(",
            "'adds', () => {});\n});\n",
        ),
        (
            Subject("func (c *Cart) Add() {}", "go", "a.go", "Add", "Cart", source_head="package shop\n"),
            "go test",
            "a_test",
            'package shop\n\nimport "testing"\n\nfunc TestCart_Add(t *testing.T) {',
            "\n\tt.Fail()\n}\n",
        ),
        (
            Subject("void add() {}", "java", "Cart.java", "add", "Cart", source_head="package shop;\n"),
            "JUnit",
            "CartTest",
            "package shop;\n\nimport static org.junit.jupiter.api.Assertions.*;\n\n"
            "import org.junit.jupiter.api.Test;\n\n"
            "class CartTest {\n    @Test\n    void add() {",
            "\n        fail();\n    }\n}\n",
        ),
        (
            Subject("fn add() {}", "rust", "a.rs", "add"),
            "cargo test",
            "a",
            "#[cfg(test)]\nmod tests {\n    use super::*;\n\n    #[test]\n    fn test_add() {",
            "\n        assert!(true);\n    }\n}\n",
        ),
        (Subject("add = 1", "lua", "a.lua", "add"), "", "a_test", "", ""),
    ],
    ids=lambda value: value.language if isinstance(value, Subject) else "",
)
def test_a_new_file_begins_as_its_language_has_it(
    subject: Subject, framework: str, stem: str, head: str, rest: str
) -> None:
    assert head_of(subject, framework, stem) == head
    assert parses(head + rest, subject.language) in (True, None)


@pytest.mark.parametrize(
    ("subject", "framework", "existing", "head"),
    [
        (
            Subject("", "typescript", "a.ts", "add", module="./a"),
            "vitest",
            'import {\n  test,\n  expect,\n} from "vitest";\nimport { sub } from "./a";\n',
            "\nimport { describe, it } from 'vitest';\nimport { add } from './a';\n\ndescribe('add', () => {\n  it(",
        ),
        (
            Subject("", "typescript", "a.ts", "add", module="./a"),
            "jest",
            "import { add, sub } from './a.js';\n",
            "\ndescribe('add', () => {\n  it(",
        ),
        (
            Subject("", "go", "a.go", "add", source_head="package a"),
            "go test",
            'package a\n\nimport "testing"\n\nfunc TestAdd(t *testing.T) {}\n',
            "\nfunc TestAdd_2(t *testing.T) {",
        ),
        (
            Subject("", "rust", "a.rs", "add"),
            "cargo test",
            "fn add() {}\n\n#[cfg(test)]\nmod tests {}\n",
            "\n#[cfg(test)]\nmod add_tests {\n    use super::*;\n\n    #[test]\n    fn test_add() {",
        ),
        (
            Subject("", "java", "A.java", "add", "Cart"),
            "JUnit",
            "package a;\nimport org.junit.jupiter.api.Test;\nclass CartTest {}\n",
            "\nclass CartAddTest {\n    @Test\n    void add() {",
        ),
    ],
    ids=lambda value: value.language if isinstance(value, Subject) else "",
)
def test_what_is_appended_fits_what_is_there(subject: Subject, framework: str, existing: str, head: str) -> None:
    assert head_of(subject, framework, "a", existing) == head


def test_a_test_is_named_by_the_words_of_a_generic_type() -> None:
    subject = Subject("fn zero() {}\n", "rust", "a.rs", "zero", owner="Matrix<R, C>")
    assert head_of(subject, "cargo test", "a").endswith("fn test_matrix_r_c_zero() {")


def test_tests_in_the_source_itself_import_nothing() -> None:
    subject = Subject("def test_a(): ...", "python", "test_a.py", "helper", module="test_a")
    tests = actions.tests_prompt(subject, file("test_a.py", "pytest", True, True), CODEFUSE, "def helper(): ...\n")
    assert tests.head == "\n\ndef test_helper():"
    assert "so far" not in tests.prompt.text


def test_the_file_is_the_head_and_the_code_before_the_end_of_the_fence() -> None:
    tests = actions.tests_prompt(ADD, PYTEST, CODEFUSE)
    text = actions.tests_text(tests, "\n    assert add(1, 2) == 3\n```\nThese tests…")
    assert text == tests.head + "\n    assert add(1, 2) == 3\n"


def test_pytest_is_imported_where_the_answer_uses_it() -> None:
    tests = actions.tests_prompt(ADD, PYTEST, CODEFUSE)
    answer = "\n    with pytest.raises(TypeError):\n        add(1)\n"
    assert actions.tests_text(tests, answer).startswith("import pytest\n\nfrom shop.cart import add\n\n\ndef test_add")
    assert "import pytest" not in actions.tests_text(tests, answer, existing="import pytest\n")
