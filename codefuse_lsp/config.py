"""Every setting, declared once: its default, its range, who may set it, and its help text.

Sources, later wins: defaults, the user's file, the environment, the command line, the editor, `.codefuse.toml` in the
workspace. A bad value never stops anything: it is left out with a sentence that names it.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from pathlib import Path
from typing import Any

import platformdirs

APP = "codefuse-lsp"
ENVIRONMENT_PREFIX = "CODEFUSE_LSP_"
WORKSPACE_FILE = ".codefuse.toml"
MAX_FILE_BYTES = 1 << 20  # a settings file larger than this is not one


class Scope(Enum):
    """Who may set a setting: only the person who owns the machine, or also a workspace."""

    MACHINE = "machine"
    WORKSPACE = "workspace"


@dataclass(frozen=True, slots=True)
class Spec:
    """What a setting is, beside its default."""

    help: str
    scope: Scope
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    workspace_high: float | None = None  # the most that a workspace may ask of the user's machine


def _machine(default: Any, help: str, **limits: Any) -> Any:
    return field(default=default, metadata={"spec": Spec(help, Scope.MACHINE, **limits)})


def _workspace(default: Any, help: str, **limits: Any) -> Any:
    return field(default=default, metadata={"spec": Spec(help, Scope.WORKSPACE, **limits)})


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings; each field's help text is in its metadata and in `codefuse-lsp doctor --settings`."""

    model: str = _machine(
        "smollm2",
        "The model: 'smollm2' (the embedded default), the folder of a checkpoint in the Hugging Face layout, "
        "or a GGUF file.",
    )
    endpoint: str = _machine(
        "",
        "Address of a completions API that runs already, such as http://gpu-box:8000/v1; empty starts a worker.",
    )
    api_key_file: str = _machine("", "File that holds the endpoint's API key on its first line.")
    ca_file: str = _machine(
        "", "PEM file of the authority that signed the endpoint's certificate, beside those that the system trusts."
    )
    device: str = _machine("auto", "Where the model runs.", choices=("auto", "cuda", "mps", "cpu"))
    dtype: str = _machine("auto", "Number format of the weights.", choices=("auto", "bfloat16", "float16", "float32"))
    quantization: str = _machine(
        "none",
        "Shrink the weights while loading (CUDA or CPU; int4 for models of 30 billion weights and more).",
        choices=("none", "int8", "int4"),
    )
    context_length: int = _machine(
        0, "Tokens of prompt and answer together; 0 is what the model was trained for.", low=0, high=1_048_576
    )
    kv_slots: int = _machine(6, "Sequences whose keys and values are kept in memory for reuse.", low=1, high=256)
    idle_minutes: float = _machine(
        30.0, "A worker that nobody has asked anything for this long leaves; 0 keeps it.", low=0, high=10_080
    )
    user_max_requests: int = _machine(
        0, "Requests that one user of a team's server may have under way at once; 0 sets no limit.", low=0, high=10_000
    )
    user_tokens_per_minute: int = _machine(
        0, "Tokens a minute, read and written, that one user of a team's server gets; 0 sets no limit.",
        low=0, high=1_000_000_000,
    )  # fmt: skip
    unload_minutes: float = _machine(
        0.0,
        "A model that nobody has asked anything for this long gives its memory back; 0 keeps it.",
        low=0,
        high=10_080,
    )
    draft_model: str = _machine(
        "", "Folder of a small model with the same tokens, which guesses ahead for a large one; empty has none."
    )
    trust_remote_code: bool = _machine(False, "Let a checkpoint run its own Python code while loading.")
    prompt_format: str = _machine(
        "",
        "How prompts are written: codefuse, mft, chat_template, plain, or messages (the far end writes them); "
        "empty chooses by the model.",
    )
    turn_separator: str = _machine(
        "", "Text between the turns of the codefuse format; the model was trained with none."
    )
    system_prompt: str = _machine("", "System text sent with every chat turn and action.")
    chat_temperature: float = _machine(0.1, "Sampling temperature of chat and actions; 0 is greedy.", low=0, high=2)
    chat_top_p: float = _machine(0.95, "Nucleus sampling of chat and actions.", low=0.01, high=1)
    chat_max_tokens: int = _machine(512, "Longest answer of chat and actions, in tokens.", low=16, high=32_768)
    completion: bool = _workspace(True, "Offer ghost text.")
    completion_context: int = _workspace(
        1024, "Tokens of code around the cursor that ghost text is made from.", low=128, high=65_536
    )
    completion_max_tokens: int = _workspace(96, "Longest ghost text, in tokens.", low=8, high=1024)
    completion_timeout: float = _workspace(
        15.0, "Seconds after which ghost text that has not come is given up.", low=0.5, high=120
    )
    completion_confidence: float = _workspace(
        0.0, "Ghost text ends before the first token that the model finds less probable than this.", low=0, high=1
    )
    completion_candidates: int = _workspace(
        0,
        "Answers among which ghost text is the one that fits best before the code that follows; "
        "0 takes 4 where you ask or the model is quick, and 1 else. A workspace may ask for 8 at most.",
        low=0,
        high=32,
        workspace_high=8,
    )
    completion_ahead: str = _machine(
        "auto", "Compute what may come next while nobody asks; auto does so on a GPU.", choices=("auto", "on", "off")
    )
    completion_log: bool = _machine(
        True, "Keep the last prompts and answers on this disk, for you alone, so that `why ID --rebuild` can show them."
    )
    languages_off: tuple[str, ...] = _workspace((), "Language ids in which ghost text stays silent.")
    ignore: tuple[str, ...] = _workspace((), "Patterns, in .gitignore's form, of files that never enter a prompt.")


def names(scope: Scope | None = None) -> tuple[str, ...]:
    """Return the names of all settings, or of those of one scope, in the order they are declared."""
    return tuple(f.name for f in fields(Settings) if scope in (None, f.metadata["spec"].scope))


def spec(name: str) -> Spec:
    """Return the declaration of one setting."""
    return _FIELDS[name].metadata["spec"]  # type: ignore[no-any-return]


def apply(
    settings: Settings, values: Mapping[str, Any], source: str, *, workspace: bool = False
) -> tuple[Settings, list[str]]:
    """Lay `values` over `settings`; return the result and a sentence for each value that was left out.

    `source` names where the values come from, for the sentences. With `workspace`, machine-scoped settings are refused,
    and what keeps code private is only added to.
    """
    accepted: dict[str, Any] = {}
    warnings: list[str] = []
    for key, value in values.items():
        name = snake_case(key)
        if name not in _FIELDS:
            warnings.append(f"{source}: there is no setting '{key}'.")
        elif workspace and spec(name).scope is Scope.MACHINE:
            warnings.append(f"{source}: '{name}' can only be set by the user, not by a workspace; it was left out.")
        else:
            try:
                found = _coerce(name, value)
                accepted[name] = _allowed(name, found, getattr(settings, name)) if workspace else found
            except ValueError as error:
                warnings.append(f"{source}: {name} = {value!r} {error}; keeping {getattr(settings, name)!r}.")
    return replace(settings, **accepted), warnings


def load(cli: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> tuple[Settings, list[str]]:
    """Return the settings of this user and this command line, with a sentence for each value left out."""
    environ = os.environ if environ is None else environ
    table, warnings = read_toml(user_file(environ))
    known = {f"{ENVIRONMENT_PREFIX}{name.upper()}": name for name in _FIELDS}
    variables = {known[key]: value for key, value in environ.items() if key in known and value}
    settings = Settings()
    given = {name: value for name, value in (cli or {}).items() if value is not None}
    for source, values in (
        (str(user_file(environ)), table),
        ("environment", variables),
        ("command line", given),
    ):
        settings, more = apply(settings, values, source)
        warnings += more
    return settings, warnings


def read_toml(path: Path) -> tuple[dict[str, Any], list[str]]:
    """Read a settings file; a missing one is empty, an unreadable one is empty with a sentence."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe may never end, nor a device
            return {}, [] if path == Path(os.devnull) else [f"{path} is not a regular file; it was left out."]
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            return {}, [f"{path} is larger than a settings file can be; it was left out."]
        return tomllib.loads(content.decode("utf-8")), []
    except FileNotFoundError:
        return {}, []
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return {}, [f"{path} cannot be read ({error}); it was left out."]


def user_file(environ: Mapping[str, str] | None = None) -> Path:
    """Return the path of the user's settings file."""
    chosen = (os.environ if environ is None else environ).get("CODEFUSE_LSP_CONFIG")
    return Path(chosen) if chosen else Path(platformdirs.user_config_dir(APP)) / "config.toml"


def cache_dir() -> Path:
    """Return the folder for what can be made again: converted models, logs."""
    return Path(platformdirs.user_cache_dir(APP))


def data_dir() -> Path:
    """Return the folder for what cannot be made again: conversations."""
    return Path(platformdirs.user_data_dir(APP))


def snake_case(name: str) -> str:
    """Return `contextLength` as `context_length`; snake case comes back as it is."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def _coerce(name: str, value: Any) -> Any:
    """Return `value` in the type of the setting; raises ValueError whose text says what is allowed."""
    default, limits = _FIELDS[name].default, spec(name)
    if isinstance(default, bool):
        return _bool(value)
    if isinstance(default, tuple):
        return _strings(value)
    if isinstance(default, (int, float)):
        return _number(value, type(default), limits)
    if not isinstance(value, str):
        raise ValueError("is not text")
    if limits.choices and value not in limits.choices:
        raise ValueError(f"is not one of {', '.join(limits.choices)}")
    return value


def _allowed(name: str, value: Any, current: Any) -> Any:
    """Return what a workspace may make of a setting; raises ValueError for a number that is too much for one.

    It adds to lists, before the user's own entries, the last of which decides; what is off stays off.
    """
    if isinstance(value, tuple):
        return (*(entry for entry in value if entry not in current), *current)
    if isinstance(value, bool):
        return value and current
    if (high := spec(name).workspace_high) is not None and value > high:
        raise ValueError(f"is more than the {high} that a workspace may ask for")
    return value


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = dict.fromkeys(("1", "true", "on", "yes"), True) | dict.fromkeys(("0", "false", "off", "no"), False)
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    raise ValueError("is neither true nor false")


def _strings(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise ValueError("is not a list of texts")


def _number(value: Any, kind: type, limits: Spec) -> Any:
    try:
        if isinstance(value, bool):
            raise TypeError
        number = kind(value)
        whole = kind is float or number == float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("is not a number") from None
    inside = whole and (limits.low is None or number >= limits.low) and (limits.high is None or number <= limits.high)
    if not inside:
        raise ValueError(f"is not {'a whole number' if kind is int else 'a number'} from {limits.low} to {limits.high}")
    return number


_FIELDS = {f.name: f for f in fields(Settings)}
