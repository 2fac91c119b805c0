from __future__ import annotations

import re

from codefuse_lsp.errors import describe


def test_a_failure_is_named_and_placed_without_its_words() -> None:
    try:
        raise RuntimeError("def secret_name(): ...")
    except RuntimeError as error:
        told = describe(error)
    assert re.fullmatch(r"RuntimeError at .*test_errors\.py:\d+ test_a_failure_is_named_and_placed_\w+", told)


def test_a_failure_that_was_never_raised_has_no_place() -> None:
    assert (describe(KeyError("secret")), describe(None)) == ("KeyError", "no exception")
