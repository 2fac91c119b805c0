"""Every setting, declared once: its default, its range, who may set it, and its help text."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any


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
    project_rules: bool = _machine(
        True,
        "Tell chats what the project's rules say (AGENTS.md, CLAUDE.md, .github/copilot-instructions.md, .cursorrules "
        "and the like, .codefuse/rules.md), in workspaces that you trust.",
    )
    chat_temperature: float = _machine(0.1, "Sampling temperature of chat and actions; 0 is greedy.", low=0, high=2)
    chat_top_p: float = _machine(0.95, "Nucleus sampling of chat and actions.", low=0.01, high=1)
    chat_max_tokens: int = _machine(
        512,
        "Longest answer of chat and actions, in tokens; code that is written anew may have its own length more.",
        low=16,
        high=32_768,
    )
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
    verify_tests: str = _machine(
        "ask",
        "Run new tests before they are offered, in a copy of the workspace behind walls: ask each time, or off.",
        choices=("off", "ask"),
    )
    verify_rounds: int = _machine(
        2, "How often tests that fail when they are run are sent back to the model.", low=0, high=5
    )
    verify_seconds: float = _machine(
        60.0, "Seconds that one run of tests may take; a sixth of it is for a single test.", low=6, high=1800
    )
    translate_to: tuple[str, ...] = _workspace(
        (), "Language ids that code is offered to be translated to; empty takes those of the open files."
    )
    languages_off: tuple[str, ...] = _workspace((), "Language ids in which ghost text stays silent.")
    ignore: tuple[str, ...] = _workspace((), "Patterns, in .gitignore's form, of files that never enter a prompt.")


def names(scope: Scope | None = None) -> tuple[str, ...]:
    """Return the names of all settings, or of those of one scope, in the order they are declared."""
    return tuple(f.name for f in fields(Settings) if scope in (None, f.metadata["spec"].scope))


def spec(name: str) -> Spec:
    """Return the declaration of one setting."""
    return _FIELDS[name].metadata["spec"]  # type: ignore[no-any-return]


_FIELDS = {f.name: f for f in fields(Settings)}
