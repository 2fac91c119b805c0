from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp import config
from codefuse_lsp.config import Scope, Settings


def test_later_sources_win(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('device = "cpu"\ncontext_length = 2048\nchat_temperature = 0.5\n')
    environ = {
        "CODEFUSE_LSP_CONFIG": str(file),
        "CODEFUSE_LSP_CONTEXT_LENGTH": "4096",
        "CODEFUSE_LSP_CHAT_TEMPERATURE": "0.7",
    }
    settings, warnings = config.load({"chat_temperature": "0.9"}, environ)
    assert (settings.device, settings.context_length, settings.chat_temperature) == ("cpu", 4096, 0.9)
    assert warnings == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("device", "tpu"),
        ("context_length", -1),
        ("context_length", "many"),
        ("context_length", 2.5),
        ("context_length", True),
        ("chat_top_p", 1.5),
        ("completion", "perhaps"),
        ("languages_off", 5),
        ("model", 7),
    ],
)
def test_a_bad_value_is_named_with_what_is_kept(name: str, value: object) -> None:
    settings, warnings = config.apply(Settings(), {name: value}, "somewhere")
    assert settings == Settings()
    assert len(warnings) == 1
    assert warnings[0].startswith("somewhere: ")
    assert name in warnings[0] and repr(value) in warnings[0]


def test_a_workspace_cannot_set_what_is_the_users() -> None:
    values = dict.fromkeys(config.names(Scope.MACHINE), "http://evil.example")
    settings, warnings = config.apply(Settings(), values, ".codefuse.toml", workspace=True)
    assert settings == Settings()
    assert len(warnings) == len(values)
    assert config.apply(Settings(), {"completion": False}, ".codefuse.toml", workspace=True)[0].completion is False


def test_names_may_come_as_editors_write_them() -> None:
    settings, _ = config.apply(Settings(), {"contextLength": 512, "languagesOff": ["markdown"]}, "editor")
    assert settings.context_length == 512
    assert settings.languages_off == ("markdown",)


def test_an_unknown_name_is_told() -> None:
    _, warnings = config.apply(Settings(), {"modle": "x"}, "editor")
    assert warnings == ["editor: there is no setting 'modle'."]


@pytest.mark.parametrize("content", [b"a = ", b"\xff\xfe", b"x" * (config.MAX_FILE_BYTES + 1)])
def test_a_broken_file_is_told_and_left_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.toml").write_bytes(content)
    values, warnings = config.read_toml(tmp_path / "config.toml")
    assert values == {}
    assert len(warnings) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes with names")
def test_a_pipe_in_place_of_a_file_is_told_and_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / config.WORKSPACE_FILE
    os.mkfifo(path)
    found: list[object] = []
    reading = threading.Thread(target=lambda: found.append(config.read_toml(path)), daemon=True)
    reading.start()
    reading.join(10)
    assert found == [({}, [f"{path} is not a regular file; it was left out."])]


def test_a_link_to_a_device_without_end_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *given: pytest.fail("read"))
    monkeypatch.setattr(Path, "read_bytes", lambda *given: pytest.fail("read"))
    path = tmp_path / config.WORKSPACE_FILE
    path.symlink_to("/dev/zero" if Path("/dev/zero").exists() else tmp_path)
    values, (warning,) = config.read_toml(path)
    assert values == {} and "not a regular file" in warning


def test_no_device_is_no_file(tmp_path: Path) -> None:
    assert config.read_toml(Path(os.devnull)) == ({}, [])


def test_a_missing_file_is_no_problem(tmp_path: Path) -> None:
    assert config.read_toml(tmp_path / "none.toml") == ({}, [])


def test_every_setting_is_explained_and_its_default_is_allowed() -> None:
    for name in config.names():
        assert config.spec(name).help.endswith(".")
        _, warnings = config.apply(Settings(), {name: getattr(Settings(), name)}, "defaults")
        assert warnings == []


def test_the_readme_tells_of_every_setting_and_who_may_set_it() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    for name in config.names():
        mark = " ◦" if config.spec(name).scope is Scope.WORKSPACE else ""
        assert f"| `{name}`{mark} |" in readme
    section = readme.partition("## Settings")[2].partition("## ")[0]
    assert section.count("\n| `") == len(config.names())


@given(st.dictionaries(st.sampled_from(config.names()), st.none() | st.booleans() | st.integers() | st.text()))
def test_no_value_stops_anything(values: dict[str, object]) -> None:
    settings, warnings = config.apply(Settings(), values, "editor")
    assert isinstance(settings, Settings)
    assert len(warnings) <= len(values)
