"""Our Emacs package as those judge it who publish packages: it compiles without a warning, and is light."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.editors.emacs.editor import PACKAGE, Emacs, home_of_its_own, installed_emacs  # noqa: F401

README = PACKAGE.parents[1] / "README.md"

FILES = sorted(path.name for path in PACKAGE.glob("codefuse*.el"))
LATER = ["codefuse-chat", "codefuse-edit", "codefuse-review", "codefuse-view", "codefuse-menu", "codefuse-eglot"]
HEAVY = ["eglot", "lsp-mode", "transient", "flymake", "smerge-mode", "project", "jsonrpc", "eieio", "json"]


@pytest.fixture(scope="module")
def compiled(emacs: Emacs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package, compiled where any warning is an error."""
    folder = tmp_path_factory.mktemp("compiled")
    for name in FILES:
        shutil.copy(PACKAGE / name, folder)
    ran = emacs.batch(
        *("-L", str(folder), "--eval", "(setq byte-compile-error-on-warn t)", "-f", "batch-byte-compile"),
        *(str(folder / name) for name in FILES),
    )
    assert ran.returncode == 0, ran.stdout
    return folder


def test_it_compiles_without_a_warning(compiled: Path) -> None:
    assert sorted(path.name for path in compiled.glob("*.elc")) == [f"{name}c" for name in FILES]


def test_checkdoc_finds_nothing(emacs: Emacs) -> None:
    checks = " ".join(f'(checkdoc-file "{PACKAGE / name}")' for name in FILES)
    ran = emacs.batch("--eval", f"(progn (require 'checkdoc) {checks})")
    assert (ran.returncode, ran.stdout) == (0, "")


def test_package_lint_finds_nothing(emacs: Emacs) -> None:
    if not list((emacs.prefix / "elpa").glob("package-lint-*")):
        pytest.skip("NO PACKAGE-LINT: tests/editors/emacs/install.sh brings one")
    ran = emacs.batch(
        *("-l", "package-lint", "--eval", f'(setq package-lint-main-file "{PACKAGE / "codefuse.el"}")'),
        *("-f", "package-lint-batch-and-exit", *(str(PACKAGE / name) for name in FILES)),
    )
    assert ran.returncode == 0, ran.stdout


def test_loading_it_loads_nothing_heavy_nor_what_is_needed_later(emacs: Emacs, compiled: Path) -> None:
    names = " ".join([*LATER, *HEAVY])
    form = (
        f'(let ((before features) (start (current-cpu-time)) (load-path (cons "{compiled}" load-path)))'
        " (require 'codefuse)"
        ' (message "loaded in %.1f ms" (/ (* 1000.0 (- (car (current-cpu-time)) (car start))) (cdr start)))'
        f" (dolist (name '({names}))"
        ' (when (and (featurep name) (not (memq name before))) (message "heavy: %s" name))))'
    )
    ran = emacs.batch("--eval", form)
    assert ran.returncode == 0, ran.stdout
    print(ran.stdout)
    assert "heavy:" not in ran.stdout, ran.stdout


def test_what_the_readme_has_a_new_user_write_works_as_it_stands(emacs: Emacs, tmp_path: Path) -> None:
    section = README.read_text("utf-8").partition("### Emacs\n")[2].partition("\n### ")[0]
    (init, *others) = re.findall(r"```elisp\n(.*?)```", section, re.DOTALL)
    (tmp_path / "codefuse-lsp").mkdir()
    (tmp_path / "codefuse-lsp" / "editors").symlink_to(PACKAGE.parent)
    server = tmp_path / "codefuse-lsp" / ".venv" / "bin" / "codefuse-lsp"
    server.parent.mkdir(parents=True)
    server.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m codefuse_lsp "$@"\n')
    server.chmod(0o755)
    (tmp_path / "init.el").write_text(init)
    (tmp_path / "code.py").write_text("def area(width, height):\n")
    form = (
        """(progn (find-file "~/code.py") (message "served: %s" (codefuse-server-root (codefuse-server-required))))"""
    )
    env = {**home_of_its_own(tmp_path), "CODEFUSE_LSP_ENDPOINT": "http://127.0.0.1:9/v1"}  # where nobody listens
    bare = Emacs(emacs.prefix, package=None)
    ran = bare.batch("-l", str(tmp_path / "init.el"), "--eval", form, env=env)
    assert ran.returncode == 0, ran.stdout
    assert f"served: {tmp_path}/" in ran.stdout, ran.stdout
    for other in others:  # what is for eglot and lsp-mode can at least be read and begun
        assert "(setopt codefuse-client '" in other
