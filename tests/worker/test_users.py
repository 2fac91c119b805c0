from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.errors import ConfigError, RequestRefused
from codefuse_lsp.worker.users import Allowances, KeyRing, read_keys

ADA, BOB = "a" * 20, "b" * 20


def written(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def test_a_key_names_its_user(tmp_path: Path) -> None:
    ring = KeyRing.read(written(tmp_path / "keys", f"# the team\nada:{ADA}\n\n{BOB}\n"))
    assert ring.user_of(ADA) == "ada"
    assert ring.user_of(BOB) == ""
    assert ring.user_of("ada") is None and ring.user_of("") is None and ring.user_of("\udc00") is None
    assert len(ring) == 2


@pytest.mark.parametrize(
    ("text", "tells"),
    [
        ("", "holds no key"),
        ("# only a remark\n", "holds no key"),
        (f"{ADA}\nshort\n", "line 2: the key is too short"),
        (f"ada lovelace:{ADA}", "line 1: the name"),
        (f"ada:{'a b' * 10}", "no spaces"),
        (f"ada:{ADA}\nbob:{ADA}", "the same key twice"),
    ],
)
def test_a_key_file_that_cannot_be_used_is_told_without_its_keys(tmp_path: Path, text: str, tells: str) -> None:
    with pytest.raises(ConfigError, match=tells) as caught:
        read_keys(written(tmp_path / "keys", text))
    assert str(caught.value).endswith((".", '"'))
    assert ADA not in str(caught.value) and "short\n" not in str(caught.value)


@given(st.text(max_size=80))
def test_any_key_file_is_read_or_refused_with_a_sentence(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any-keys"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        assert all(len(key.secret) >= 16 for key in read_keys(path))
    except ConfigError as error:
        assert str(path) in str(error)


def test_keys_are_read_anew_and_bad_ones_leave_the_old(tmp_path: Path) -> None:
    path = written(tmp_path / "keys", ADA)
    ring = KeyRing.read(path)
    written(path, BOB)
    ring.reload()
    assert (ring.user_of(ADA), ring.user_of(BOB)) == (None, "")
    written(path, "short")
    with pytest.raises(ConfigError):
        ring.reload()
    assert ring.user_of(BOB) == ""


def test_a_user_has_so_many_requests_at_once() -> None:
    allowances = Allowances(max_requests=2)
    with allowances.request("ada"), allowances.request("ada"):
        with pytest.raises(RequestRefused, match="2 requests under way") as caught, allowances.request("ada"):
            pass
        with allowances.request("bob"):
            pass
    assert caught.value.status == 429 and caught.value.retry_after
    with allowances.request("ada"):
        pass


def test_a_user_has_so_many_tokens_a_minute() -> None:
    now = 0.0
    allowances = Allowances(tokens_per_minute=600, clock=lambda: now)
    with allowances.request("ada") as spend:
        spend(1200)
    with pytest.raises(RequestRefused, match="600 tokens a minute") as caught, allowances.request("ada"):
        pass
    with allowances.request("bob"):
        pass
    assert caught.value.retry_after == pytest.approx(60.1)
    now = caught.value.retry_after or 0.0
    with allowances.request("ada"):
        pass


def test_who_needs_no_key_has_no_limits() -> None:
    allowances = Allowances(max_requests=1, tokens_per_minute=1)
    with allowances.request(None) as spend, allowances.request(None):
        spend(1000)
