import json
from pathlib import PurePath, PurePosixPath

import pytest

from codefuse_lsp.context import test_files
from codefuse_lsp.context.test_files import TestFile

ROOT = PurePosixPath("/w")


def placed(source: str, language: str, *files: str, package: object = None) -> TestFile:
    """Ask where the tests of a source go in a workspace that holds `files` and their folders."""
    there = {ROOT / file for file in files}
    there |= {folder for file in there for folder in file.parents}

    def read(path: PurePath) -> str | None:
        return json.dumps(package) if package is not None and path == ROOT / "package.json" else None

    return test_files.test_file_for(ROOT / source, ROOT, language, there.__contains__, read)


@pytest.mark.parametrize(
    ("source", "files", "path", "exists"),
    [
        ("x.py", [], "test_x.py", False),
        ("pkg/x.py", [], "pkg/test_x.py", False),
        ("pkg/x.py", ["tests/test_y.py"], "tests/test_x.py", False),
        ("pkg/x.py", ["test/test_y.py"], "test/test_x.py", False),
        ("pkg/a/x.py", ["tests/a/test_y.py"], "tests/a/test_x.py", False),
        ("pkg/a/x.py", ["tests/pkg/a/test_y.py"], "tests/pkg/a/test_x.py", False),
        ("src/pkg/x.py", ["tests/pkg/test_y.py"], "tests/pkg/test_x.py", False),
        ("pkg/x.py", ["tests/test_x.py"], "tests/test_x.py", True),
        ("pkg/x.py", ["tests/unit/test_x.py"], "tests/unit/test_x.py", True),
        ("pkg/x.py", ["tests/test_y.py", "pkg/test_x.py"], "pkg/test_x.py", True),
        ("pkg/x.py", ["pkg/tests/test_y.py"], "pkg/tests/test_x.py", False),
        ("libs/a/pkg/x.py", ["libs/a/pyproject.toml", "libs/a/tests/test_y.py"], "libs/a/tests/test_x.py", False),
        ("pkg/__init__.py", ["tests/a"], "tests/test_pkg.py", False),
    ],
)
def test_python_tests_go_where_the_project_keeps_them(source: str, files: list[str], path: str, exists: bool) -> None:
    assert placed(source, "python", *files) == TestFile(ROOT / path, "pytest", exists)


@pytest.mark.parametrize(
    ("source", "files", "path", "exists"),
    [
        ("src/x.ts", [], "src/x.test.ts", False),
        ("src/x.tsx", ["src/__tests__/y.test.tsx"], "src/__tests__/x.test.tsx", False),
        ("src/x.ts", ["src/x.spec.ts"], "src/x.spec.ts", True),
        ("src/a/x.js", ["tests/a/x.test.js"], "tests/a/x.test.js", True),
    ],
)
def test_javascript_tests_go_beside_the_file(source: str, files: list[str], path: str, exists: bool) -> None:
    assert placed(source, "typescript", *files) == TestFile(ROOT / path, "vitest", exists)


@pytest.mark.parametrize(
    ("files", "package", "framework"),
    [
        ([], None, "vitest"),
        (["jest.config.js"], None, "jest"),
        (["vitest.config.ts", "jest.config.js"], None, "vitest"),
        ([], {"devDependencies": {"jest": "^29"}}, "jest"),
        ([], {"jest": {}}, "jest"),
        ([], {"devDependencies": {"jest": "1", "vitest": "1"}, "scripts": {"test": "jest"}}, "jest"),
        ([], {"scripts": {"test": "node --test"}}, "node:test"),
        ([], ["not a table"], "vitest"),
        ([], {"scripts": None, "dependencies": None}, "vitest"),
    ],
)
def test_the_framework_is_told_by_configuration(files: list[str], package: object, framework: str) -> None:
    assert placed("src/x.ts", "typescript", *files, package=package).framework == framework


def test_a_package_json_that_is_no_json_is_passed_over() -> None:
    assert test_files.js_framework(ROOT / "x.ts", ROOT, lambda _: False, lambda _: "{") == "vitest"


def test_go_tests_go_beside_the_file() -> None:
    assert placed("a/x.go", "go") == TestFile(ROOT / "a/x_test.go", "go test", False)


def test_java_tests_go_to_the_mirror_of_the_sources() -> None:
    assert placed("src/main/java/a/X.java", "java").path == ROOT / "src/test/java/a/XTest.java"
    there = placed("src/main/java/a/X.java", "java", "src/test/java/a/XTests.java")
    assert there == TestFile(ROOT / "src/test/java/a/XTests.java", "JUnit", True)
    assert placed("a/X.java", "java").path == ROOT / "a/XTest.java"


def test_rust_tests_go_into_the_file_they_test() -> None:
    assert placed("src/x.rs", "rust") == TestFile(ROOT / "src/x.rs", "cargo test", True, in_source=True)


@pytest.mark.parametrize(
    ("path", "language"), [("tests/test_x.py", "python"), ("a/x_test.go", "go"), ("b.test.ts", "typescript")]
)
def test_more_tests_of_a_test_file_go_into_it(path: str, language: str) -> None:
    place = placed(path, language, path)
    assert (place.path, place.exists, place.in_source) == (ROOT / path, True, True)


def test_a_language_without_a_custom_gets_a_file_beside() -> None:
    assert placed("a/x.lua", "lua") == TestFile(ROOT / "a/x_test.lua", "", False)


def test_a_file_outside_the_workspace_has_its_tests_beside() -> None:
    place = test_files.test_file_for(PurePosixPath("/tmp/x.py"), ROOT, "python", lambda _: False)
    assert place.path == PurePosixPath("/tmp/test_x.py")
    assert test_files.test_file_for(PurePosixPath("/tmp/x.py"), None, "python", lambda _: False).path == place.path


@pytest.mark.parametrize(
    ("source", "files", "module"),
    [
        ("x.py", [], "x"),
        ("pkg/x.py", ["pkg/__init__.py"], "pkg.x"),
        ("src/pkg/x.py", ["src/pkg/__init__.py"], "pkg.x"),
        ("libs/a/pkg/sub/x.py", ["libs/a/pkg/__init__.py", "libs/a/pkg/sub/__init__.py"], "pkg.sub.x"),
        ("pkg/x.py", [], "pkg.x"),
        ("src/x.py", [], "x"),
        ("libs/a/src/b/x.py", [], "b.x"),
        ("pkg/__init__.py", ["pkg/__init__.py"], "pkg"),
        ("my-scripts/x.py", [], "x"),
    ],
)
def test_a_python_module_is_named_as_it_is_imported(source: str, files: list[str], module: str) -> None:
    there = {ROOT / file for file in files}
    assert test_files.python_module(ROOT / source, ROOT, there.__contains__) == module


@pytest.mark.parametrize(
    ("source", "test", "module"),
    [
        ("src/x.ts", "src/x.test.ts", "./x"),
        ("src/x.ts", "src/__tests__/x.test.ts", "../x"),
        ("src/a/index.ts", "tests/a.test.ts", "../src/a"),
        ("src/x.mjs", "src/x.test.mjs", "./x.mjs"),
    ],
)
def test_a_javascript_module_is_named_by_its_relative_path(source: str, test: str, module: str) -> None:
    assert test_files.module_of(ROOT / source, ROOT / test, ROOT, "typescript", lambda _: False) == module
