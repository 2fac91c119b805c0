"""How a file of tests begins, in each language: its imports and the first test as far as its body.

Input: a `Subject`, the framework, and the text of the test file where there is one. Output: the head; with what the
model writes after it, it is the file, or what is appended to it. Knows nothing of models.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Subject:
    """The code that tests are asked for, and what is known of it."""

    code: str
    language: str
    path: str  # as the model is shown it
    name: str = ""  # of the function, method or class
    owner: str = ""  # the class of a method
    module: str = ""  # what tests import it as: a dotted module, a relative path
    source_head: str = ""  # the beginning of its file: package clause, imports

    @property
    def symbol(self) -> str:
        """What has to be imported to reach the code."""
        return self.owner or self.name


def head_of(subject: Subject, framework: str, test_stem: str, existing: str = "") -> str:
    """Return the head for a new file, or for what is appended to `existing`; '' for a language with no custom here."""
    write = _HEADS.get(subject.language)
    if write is None:
        return ""
    head = write(subject, framework, test_stem, existing)
    return _gap(existing, 2 if subject.language == "python" else 1) + head


def _python(subject: Subject, framework: str, test_stem: str, existing: str) -> str:
    imports = ""
    if subject.module and not _python_imports(subject, existing):
        symbol, module = subject.symbol, subject.module
        imports = (f"from {module} import {symbol}" if symbol else f"import {module}") + "\n\n\n"
    return f"{imports}def {_unused(f'test_{_snake(subject)}', existing)}():"


def _python_imports(subject: Subject, text: str) -> bool:
    module = re.escape(subject.module)
    names = re.findall(rf"^from\s+{module}\s+import\s+(\([^)]*\)|[^\n]*)", text, re.M)
    return bool(re.search(rf"^import\s+{module}\s*$", text, re.M)) or any(
        subject.symbol in re.findall(r"\w+", line) for line in names
    )


# framework -> what a test file imports from where; jest's functions are global
_JS_IMPORTS = {
    "vitest": (("{ describe, expect, it }", "vitest"),),
    "mocha": (("assert", "node:assert/strict"),),
    "node:test": (("assert", "node:assert/strict"), ("{ describe, it }", "node:test")),
}


def _javascript(subject: Subject, framework: str, test_stem: str, existing: str) -> str:
    source = f"{subject.source_head}\n{subject.code}"
    common_js = bool(re.search(r"\bmodule\.exports\b|^exports\.|\brequire\(", source, re.M)) and framework != "vitest"
    wanted = list(_JS_IMPORTS.get(framework, ()))
    if subject.symbol and subject.module:
        default = re.search(rf"export\s+default\s+[\w\s*]*\b{re.escape(subject.symbol)}\b", source)
        wanted.append((subject.symbol if default else f"{{ {subject.symbol} }}", subject.module))
    imports = "".join(_js_import(names, module, existing, common_js) for names, module in wanted)
    title = ".".join(filter(None, (subject.owner, subject.name))) or subject.path.replace("'", "")
    return imports + ("\n" if imports else "") + f"describe('{title}', () => {{\n  it("


def _js_import(names: str, module: str, existing: str, common_js: bool) -> str:
    """Return the line that imports those of `names` that `existing` does not; a name must not be imported twice."""
    place = rf"(?:from\s*|require\(\s*)['\"]{re.escape(module)}(?:\.\w+)?['\"]"
    statements = re.findall(rf"\b(?:import|const|let|var)\b[^;'\"]*?{place}", existing)
    there = {word for statement in statements for word in re.findall(r"[\w$]+", statement)}
    missing = [name for name in re.findall(r"[\w$]+", names) if name not in there]
    if not missing:
        return ""
    binding = f"{{ {', '.join(missing)} }}" if names.startswith("{") else names
    return f"const {binding} = require('{module}');\n" if common_js else f"import {binding} from '{module}';\n"


def _go(subject: Subject, framework: str, test_stem: str, existing: str) -> str:
    package = re.search(r"^package\s+(\w+)", subject.source_head, re.M)
    name = "_".join(part[:1].upper() + part[1:] for part in (subject.owner, subject.name) if part) or "File"
    head = f'package {package[1] if package else "main"}\n\nimport "testing"\n\n'
    return f"{'' if existing.strip() else head}func {_unused(f'Test{name}', existing)}(t *testing.T) {{"


def _rust(subject: Subject, framework: str, test_stem: str, existing: str) -> str:
    """Return a module of its own: a second one beside `tests` needs no edit in the middle of the file."""
    name = _snake(subject)
    module = "tests" if not re.search(r"\bmod\s+tests\b", existing) else _unused(f"{name}_tests", existing)
    return f"#[cfg(test)]\nmod {module} {{\n    use super::*;\n\n    #[test]\n    fn test_{name}() {{"


def _java(subject: Subject, framework: str, test_stem: str, existing: str) -> str:
    method = subject.name[:1].lower() + subject.name[1:] or "works"
    test = f"    @Test\n    void {method}() {{"
    if existing.strip():  # Java lets a file hold more classes, and JUnit finds them; imports stand at the top already
        name = _unused(f"{subject.owner}{subject.name[:1].upper()}{subject.name[1:]}Test", existing)
        return f"class {name} {{\n{test}"
    package = re.search(r"^package\s+[\w.]+;", subject.source_head, re.M)
    clause = f"{package[0]}\n\n" if package else ""
    imports = "import static org.junit.jupiter.api.Assertions.*;\n\nimport org.junit.jupiter.api.Test;\n\n"
    return f"{clause}{imports}class {test_stem} {{\n{test}"


_HEADS: dict[str, Callable[[Subject, str, str, str], str]] = {
    "go": _go,
    "java": _java,
    "python": _python,
    "rust": _rust,
    **dict.fromkeys(("javascript", "javascriptreact", "typescript", "typescriptreact"), _javascript),
}


def _snake(subject: Subject) -> str:
    words = "_".join(filter(None, (subject.owner, subject.name.strip("_")))) or "code"
    words = re.sub(r"\W+_*", "_", words)  # Rust's Matrix<R, C>
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", words).lower()


def _unused(name: str, text: str) -> str:
    """Return `name`, or with the first number behind it that makes it new in `text`."""
    taken = set(re.findall(r"\w+", text))
    return next(new for n in range(1, len(taken) + 3) if (new := name if n == 1 else f"{name}_{n}") not in taken)


def _gap(existing: str, blank_lines: int) -> str:
    """Return the line ends that are missing between `existing` and what is appended to it."""
    if not existing.strip():
        return ""
    there = len(existing) - len(existing.rstrip("\n"))
    return "\n" * max(0, blank_lines + 1 - there)
