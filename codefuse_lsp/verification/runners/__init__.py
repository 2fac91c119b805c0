"""The runners of tests that projects have: how each is found, what is run, and how its report is read."""

from __future__ import annotations

from collections.abc import Callable

from codefuse_lsp.verification.runners import go, javascript, python, rust
from codefuse_lsp.verification.runners.runner import NoRunner, Order, Project, Runner

__all__ = ["NoRunner", "Order", "Project", "Runner", "runner_for"]

_FINDERS: dict[str, Callable[[Project], Runner]] = {
    "python": python.find,
    "go": go.find,
    "rust": rust.find,
    **dict.fromkeys(("javascript", "javascriptreact", "typescript", "typescriptreact"), javascript.find),
}


def runner_for(project: Project) -> Runner:
    """Return the project's own runner of tests; raises NoRunner with a sentence. It looks at the disk."""
    find = _FINDERS.get(project.language)
    if find is None:
        raise NoRunner(f"No runner of tests is known here for {project.language or 'this language'}.")
    return find(project)
