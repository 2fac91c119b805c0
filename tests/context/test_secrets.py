import os
import stat
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.context import secrets
from codefuse_lsp.context.secrets import (
    KEY_FILE,
    PLACEHOLDER,
    PREFIX,
    Excerpt,
    Restorer,
    conceal,
    machine_key,
    redact,
    redact_all,
    redact_excerpts,
    redact_prompt,
    restore,
)

KEY = bytes(range(32))
ALNUM = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=36, max_size=36)
TOKEN = ALNUM.map(lambda body: "ghp_" + body)
PASSWORD = ALNUM.map(lambda body: "z9!" + body[:12])
LINES = st.sampled_from(
    [
        "x = 1\n",
        "# a comment\n",
        PREFIX,
        PREFIX + "0123abcd",
        "REDACTED",
        "0123",
        "password = ",
        '"',
        "'",
        "\n",
        "\\",
        " ",
    ]
)
TEXT = st.lists(
    st.one_of(LINES, st.text(max_size=8), TOKEN, PASSWORD.map(lambda word: f'password = "{word}"\n')), max_size=12
).map("".join)


@given(st.one_of(TEXT, st.text()))
def test_what_was_redacted_is_restored(text: str) -> None:
    redacted = redact(text, KEY)
    assert redacted.restore(redacted.text) == text


@given(before=TEXT, token=TOKEN, password=PASSWORD, after=TEXT)
def test_no_secret_survives(before: str, token: str, password: str, after: str) -> None:
    redacted = redact(f'{before}\npassword = "{password}"\nlogin("{token}", {password})\n{after}', KEY)
    assert token not in redacted.text
    assert password not in redacted.text


@given(text=TEXT, cuts=st.lists(st.integers(0, 400)))
def test_restored_in_pieces_is_restored_as_a_whole(text: str, cuts: list[int]) -> None:
    redacted = redact(text, KEY)
    edges = sorted({0, len(redacted.text), *(min(cut, len(redacted.text)) for cut in cuts)})
    restorer = Restorer(redacted.restorations)
    pieces = [restorer.feed(redacted.text[a:b]) for a, b in pairwise(edges)]
    assert "".join(pieces) + restorer.flush() == text


def test_a_stream_holds_back_only_what_may_be_the_beginning_of_a_placeholder() -> None:
    redacted = redact('password = "hunter2"', KEY)
    (name,) = redacted.restorations
    restorer = Restorer(redacted.restorations)
    assert restorer.feed("a RED") == "a "
    assert restorer.feed("IS") == "REDIS"
    assert restorer.feed(name[:-1]) == ""
    assert restorer.feed(name[-1]) == "hunter2"
    assert restorer.feed(PREFIX) == ""
    assert restorer.flush() == PREFIX
    assert Restorer({}).feed(PREFIX) == PREFIX


def test_a_secret_has_the_same_placeholder_in_every_prompt_and_window_but_not_on_another_machine() -> None:
    first, second = redact('password = "hunter2"\n', KEY), redact('x = 1\nDB_PASSWORD = "hunter2"', KEY)
    assert first.restorations == second.restorations
    assert set(first.restorations) & set(redact('password = "hunter2"', b"other").restorations) == set()


def test_a_placeholder_keeps_the_code_round_it_whole() -> None:
    redacted = redact('client = connect(password="hunter2")  # staging\n', KEY)
    assert PLACEHOLDER.sub("…", redacted.text) == 'client = connect(password="…")  # staging\n'
    assert redacted.kinds == ("password",)


def test_a_secret_that_shows_itself_in_one_text_is_replaced_in_all() -> None:
    first, second = redact_all(['password = "hunter2!"', "assert login('hunter2!')"], KEY)
    assert "hunter2!" not in second.text
    assert first.restorations == second.restorations
    assert second.restore(second.text) == "assert login('hunter2!')"


def test_a_text_that_looks_like_a_placeholder_is_the_users_own() -> None:
    text = f"{PREFIX}0123abcd"
    redacted = redact(text, KEY)
    assert redacted.text != text
    assert redacted.restore(redacted.text) == text
    assert restore(text, redacted.restorations) == text  # the model's invention is left as it is


def test_two_secrets_never_share_a_placeholder(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = iter([b"\1" * 32, b"\1" * 32, b"\2" * 32])
    monkeypatch.setattr(secrets.hmac, "digest", lambda *_: next(counter))
    redacted = redact('password = "hunter2"; password = "hunter3"', KEY)
    assert len(redacted.restorations) == 2
    assert redacted.restore(redacted.text) == 'password = "hunter2"; password = "hunter3"'


@given(text=TEXT, at=st.integers(0, 300), token=TOKEN, inside=st.integers(1, 39))
def test_a_secret_across_the_cursor_shows_on_neither_side(text: str, at: int, token: str, inside: int) -> None:
    text = text.replace("\\", "")
    at = min(at, len(text))
    whole = f"{text[:at]}\n'{token}'\n{text[at:]}"
    cursor = at + 2 + inside
    sides = redact_prompt(whole[:cursor], whole[cursor:], [], KEY)
    assert sides.inside
    assert [found.end() for found in PLACEHOLDER.finditer(sides.prefix)][-1:] == [len(sides.prefix)]
    assert PLACEHOLDER.match(sides.suffix)
    assert restore(sides.prefix, sides.restorations) + restore(sides.suffix, sides.restorations) == whole


def test_a_cursor_beside_a_secret_is_not_inside_it() -> None:
    sides = redact_prompt('password = "hunter2', '"\n', [], KEY)
    assert (sides.inside, sides.suffix) == (False, '"\n')
    assert "hunter2" not in sides.prefix


def test_what_goes_with_the_code_is_redacted_with_it() -> None:
    prompt = redact_prompt('login("hunter2!', '")\n', ['password = "hunter2!"\n', "x = 1\n"], KEY)
    assert "hunter2!" not in prompt.prefix + prompt.others[0]
    assert prompt.others[1] == "x = 1\n"
    assert restore(prompt.prefix + prompt.suffix, prompt.restorations) == 'login("hunter2!")\n'


def test_the_key_of_a_machine_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    key = machine_key(tmp_path / "data")
    assert key == machine_key(tmp_path / "data")
    assert len(key) == 32
    assert [path.name for path in (tmp_path / "data").iterdir()] == [KEY_FILE]
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "data" / KEY_FILE).stat().st_mode) == 0o600


def test_a_damaged_key_is_replaced_and_an_unwritable_folder_gives_one_for_the_process(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_bytes(b"short")
    assert len(machine_key(tmp_path)) == 32
    assert machine_key(tmp_path) == machine_key(tmp_path)
    (tmp_path / "file").write_text("")
    assert len(machine_key(tmp_path / "file" / "folder")) == 32


@given(TEXT)
def test_what_was_restored_can_be_concealed_again(text: str) -> None:
    redacted = redact(text, KEY)
    concealed = conceal(redacted.restore(redacted.text), redacted.restorations)
    assert not any(secret in concealed for secret in redacted.restorations.values() if secret not in redacted.text)
    assert redacted.restore(concealed) == text


def test_a_piece_is_redacted_by_what_stands_round_it_and_restored_as_it_was() -> None:
    password = "z9!hunter2Long8"
    text = f"password = '{password}'\nconnect()\n"
    for start, stop in ((0, len(text)), (text.index(password) + 3, len(text)), (0, text.index(password) + 5)):
        (piece,) = redact_excerpts([Excerpt(text, start, stop)], KEY)
        assert not any(part in piece.text for part in (password[:5], password[-5:]))
        assert piece.restore(piece.text) == text[start:stop]


@given(st.text(max_size=60), st.integers(0, 60), st.integers(0, 60))
def test_any_piece_comes_back_as_it_was(text: str, start: int, length: int) -> None:
    text = f"{text} token = 'aB3dE5fG7hJ9kL1mN3' {text}"
    (piece,) = redact_excerpts([Excerpt(text, start, start + length)], KEY)
    assert piece.restore(piece.text) == text[start : start + length]


def test_what_is_told_to_be_a_secret_is_one_there_and_a_long_one_everywhere() -> None:
    shown = redact_excerpts(
        [Excerpt("say k7#pq or correct-horse", told=("k7#pq", "correct-horse", "")), Excerpt("k7#pq, correct-horse?")],
        KEY,
    )
    assert "k7#pq" not in shown[0].text and shown[1].text.startswith("k7#pq, REDACTED_")
    assert "horse" not in shown[0].text + shown[1].text
    assert shown[0].restore(shown[0].text) == "say k7#pq or correct-horse"


@given(st.lists(st.text("abc ", min_size=0, max_size=12)), st.lists(st.text("abc ", max_size=12), max_size=4))
def test_texts_come_back_whole_whatever_is_told_of_them(texts: list[str], told: list[str]) -> None:
    shown = redact_excerpts([Excerpt(text, told=tuple(told)) for text in texts], KEY)
    assert [one.restore(one.text) for one in shown] == texts
    for one in shown:
        rest = PLACEHOLDER.sub("\n", one.text)
        assert not any(secret and secret in rest for secret in told)
