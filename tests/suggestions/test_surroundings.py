from __future__ import annotations

from pathlib import Path

import pytest

from codefuse_lsp.context.snippets import Document
from codefuse_lsp.suggestions.asked import Asked, asked_at
from codefuse_lsp.suggestions.gates import after_looking
from codefuse_lsp.suggestions.surroundings import Surroundings

LIBRARY = "class Basket:\n    def total_price(self, items):\n        return sum(item.price for item in items)\n"


def ask(drawn: str, path: Path, **more: bool) -> Asked:
    """Return the question at the cursor │ of a document."""
    before, _, after = drawn.partition("│")
    lines = (before + after).splitlines(keepends=True)
    line, column = before.count("\n"), len(before) - before.rfind("\n") - 1
    return asked_at(
        lines, line, column, uri=path.as_uri(), path=str(path), language="python", version=1, budget_chars=4000, **more
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "basket.py").write_text(LIBRARY)
    return tmp_path


def test_signatures_of_what_is_imported_from_the_workspace_are_found(folder: Path) -> None:
    around = Surroundings([folder])
    asked = ask("from basket import Basket\n\nprice = Basket().│\n", folder / "main.py")
    for _ in range(50):  # a source that is late answers the next time
        found = around.prepare(asked, 2000).snippets
        if any("def total_price" in snippet.text for snippet in found):
            break
    assert any("def total_price" in snippet.text and snippet.source == "signatures" for snippet in found)
    around.close()


@pytest.mark.parametrize("invoked", [True, False])
def test_an_ignored_document_is_not_looked_at_whoever_asks(folder: Path, invoked: bool) -> None:
    around = Surroundings([folder], ignored=["secret_*.py"])
    prepared = around.prepare(ask("x = │\n", folder / "secret_plan.py", invoked=invoked), 2000)
    assert prepared.snippets == () and prepared.syntax is None
    silence = after_looking(prepared)
    assert silence is not None and silence.reason == "ignored file" and silence.detail.endswith(".")
    around.close()


def test_rules_that_change_are_obeyed_from_then_on(folder: Path) -> None:
    around = Surroundings([folder])
    asked = ask("x = │\n", folder / "plan.py")
    assert after_looking(around.prepare(asked, 2000)) is None
    around.obey(["plan.py"], [])
    assert after_looking(around.prepare(asked, 2000)) is not None
    around.close()


def test_an_open_document_that_is_ignored_is_no_context_for_others(folder: Path) -> None:
    text = "def settle_invoice(invoice, ledger):\n    ledger.settle(invoice)\n    return ledger.balance\n"
    hidden = Document(str(folder / "hidden.py"), "python", 1, text.splitlines(keepends=True))
    asked = ask("def settle_invoices(invoices, ledger):\n    for invoice in invoices:\n        │\n", folder / "a.py")
    for ignored, is_there in (([], True), (["hidden.py"], False)):
        around = Surroundings([folder], ignored, open_documents=lambda: (hidden,))
        around.edits.touched(hidden.path, 0, 3, 1.0)
        found = [around.prepare(asked, 2000).snippets for _ in range(20)][-1]
        assert any(snippet.path == hidden.path for snippet in found) is is_there
        around.close()


def test_secrets_are_shown_as_placeholders_and_found_as_they_are(folder: Path) -> None:
    around = Surroundings([folder])
    asked = ask("password = 'hunter2-is-long-enough'\nconnect(│)\n", folder / "a.py")
    shown = around.prepare(asked, 2000).shown
    assert "hunter2" not in shown.context.prefix + shown.context.suffix
    assert list(shown.restorations.values()) == ["hunter2-is-long-enough"]
    others = Surroundings([folder]).prepare(asked, 2000).shown
    assert shown.restorations.keys() != others.restorations.keys()  # without a key of the machine, one of the process
    around.close()


def test_who_stands_in_a_secret_gets_nothing(folder: Path) -> None:
    around = Surroundings([folder])
    prepared = around.prepare(ask("password = 'hunter2-is-lo│ng-enough'\n", folder / "a.py", invoked=True), 2000)
    silence = after_looking(prepared)
    assert silence is not None and silence.reason == "inside a secret"
    around.close()
