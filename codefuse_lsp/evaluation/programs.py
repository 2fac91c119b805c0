"""From what a model answered to a program that tests it.

Input: a task and an answer: the rest of the function, the whole of it, with or without prose and fences round it.
Output: Python source. Knows nothing of how it is run.
"""

from __future__ import annotations

import ast
import importlib
import re
import textwrap
import warnings

from codefuse_lsp.context.syntax import whole_statements
from codefuse_lsp.evaluation.tasks import Task
from codefuse_lsp.prompts.fences import code_of

# What evaluations put before a program (IMPORT_HELPER in THUDM/CodeGeeX, codegeex/benchmark/utils.py, and in those made
# after it), without numpy. The name is what a program has that exec() runs, as openai/human-eval's execution.py does.
HEADER = """\
import math
import re
import sys
import copy
import datetime
import itertools
import collections
import heapq
import statistics
import functools
import hashlib
import string
from typing import *
from collections import *
__name__ = "builtins"
"""
DEFINING = (
    *(ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
    *(ast.Assign, ast.AnnAssign, ast.Try),
)
STRIPPED_FROM = ("math", "collections", "itertools", "functools", "heapq", "re", "string", "statistics", "hashlib")


def program_of(task: Task, answer: str) -> str:
    """Return the program of a task's code with the answer in it, and its tests after it."""
    return tested(task, implementation(task, answer))


def tested(task: Task, code: str) -> str:
    """Return `code` with the usual imports before it and the task's tests after it."""
    call = "" if re.search(r"^check\(", task.test, re.M) else f"\ncheck({task.entry_point})\n"
    return f"{HEADER}\n{code}\n{task.test}\n{call}"


def implementation(task: Task, answer: str) -> str:
    """Return the code of a task with the function written as the answer has it.

    A whole function goes behind the prompt, whose own then has its description as its body: the helpers and imports of
    the prompt stay, and what the answer calls or prints at the margin does not. The rest of a function ends where
    something begins at the margin (Chen et al. 2021, §3.1); where it begins there itself, its indentation was lost, of
    all lines or of the first.
    """
    code = code_of(answer)
    if re.search(rf"^(async\s+)?def\s+{re.escape(task.entry_point)}\b", code, re.M):
        return f"{task.prompt}\n{_definitions(code if parses(code) else whole_statements(code, 'python'))}"
    at_margin = code.lstrip("\n")[:1].strip()
    bodies = [textwrap.indent(code, "    "), _rest("    " + code.lstrip())] if at_margin else [_rest(code)]
    candidates = [f"{task.prompt}{body}\n" for body in bodies]
    return next((text for text in candidates if parses(text)), candidates[-1])


def parses(source: str) -> bool:
    """Return whether Python itself can read a source."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it may hold a bad escape, which is no error yet
            ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def stripped_import(why: str) -> str:
    """Return the import that would give the name whose absence ended a program, where a usual module has it; else ''.

    Published answers were stripped of their imports (codefuse-evaluation @09a4f2a, codefuseEval/processor/base.py).
    """
    missing = re.search(r"NameError: name '(\w+)' is not defined", why)
    if missing is None:
        return ""
    name = missing[1]
    owner = next((module for module in STRIPPED_FROM if hasattr(importlib.import_module(module), name)), None)
    return f"from {owner} import {name}" if owner else ""


def _definitions(code: str) -> str:
    """Return the imports, definitions and assignments of a module, without what only tries them out."""
    kept: set[int] = set()
    for node in ast.parse(code).body if parses(code) else ():
        if isinstance(node, DEFINING):
            first = min([node.lineno, *(item.lineno for item in getattr(node, "decorator_list", ()))])
            kept.update(range(first, (node.end_lineno or first) + 1))
    return "".join(line for number, line in enumerate(code.splitlines(keepends=True), 1) if number in kept)


def _rest(text: str) -> str:
    """Return the lines of a function's rest: up to the first that stands at the margin."""
    lines = text.split("\n")
    end = next((number for number, line in enumerate(lines) if line[:1].strip()), len(lines))
    return "\n".join(lines[:end]).rstrip()
