"""The settings page of the VS Code extension, made from the server's own table.

`python -m tests.editors.vscode_settings` writes it into the manifest.
A setting has no default there: what nobody has set is not sent, and the server's own files and defaults hold.
"""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

from codefuse_lsp import config
from codefuse_lsp.config import Scope, Settings

MANIFEST = Path(__file__).parents[2] / "editors" / "vscode" / "package.json"

OF_THE_CLIENT = {
    "codefuse.server.path": {
        "type": "string",
        "scope": "machine",
        "markdownDescription": "Full path of `codefuse-lsp`. Empty looks in the workspace's Python environment, "
        "on PATH, and where pipx and uv install programs.",
    },
    "codefuse.server.environment": {
        "type": "object",
        "scope": "machine",
        "additionalProperties": {"type": "string"},
        "markdownDescription": "Variables for the language server, beside those of the editor, "
        "such as `HTTPS_PROXY` or `CUDA_VISIBLE_DEVICES`.",
    },
}
TITLES = {Scope.WORKSPACE: "Suggestions and Privacy", Scope.MACHINE: "Model and Machine"}
UNSET = "As the server has it"


def sections() -> list[dict[str, Any]]:
    """Return what stands in the manifest under `contributes.configuration`."""
    client = {"title": "Language Server", "properties": _ordered(OF_THE_CLIENT)}
    return [client, *({"title": title, "properties": _ordered(_of(scope))} for scope, title in TITLES.items())]


def camel_case(name: str) -> str:
    """Return `context_length` as `contextLength`."""
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)


def _ordered(properties: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {name: {"order": order, **schema} for order, (name, schema) in enumerate(properties.items())}


def _of(scope: Scope) -> dict[str, dict[str, Any]]:
    return {f"codefuse.{camel_case(name)}": _property(name) for name in config.names(scope)}


def _property(name: str) -> dict[str, Any]:
    spec = config.spec(name)
    scope = "machine" if spec.scope is Scope.MACHINE else "window"
    return {**_shape(name), "scope": scope, "markdownDescription": spec.help}


def _shape(name: str) -> dict[str, Any]:
    """Return the JSON schema of a setting's values; null is none."""
    spec = config.spec(name)
    default = next(field.default for field in fields(Settings) if field.name == name)
    if isinstance(default, bool):
        return _choice("boolean", {True: "On", False: "Off"})
    if isinstance(default, tuple):
        return {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
    if isinstance(default, (int, float)):
        kind = "integer" if isinstance(default, int) else "number"
        high = spec.high if spec.workspace_high is None else spec.workspace_high
        return {"type": [kind, "null"], "default": None, "minimum": spec.low, "maximum": high}
    if spec.choices:
        return _choice("string", dict(zip(spec.choices, spec.choices, strict=True)))
    return {"type": "string"}


def _choice(kind: str, labels: dict[Any, str]) -> dict[str, Any]:
    return {
        "type": [kind, "null"],
        "default": None,
        "enum": [None, *labels],
        "enumItemLabels": [UNSET, *labels.values()],
    }


def write() -> None:
    """Put the settings into the manifest; `npm run format` lays it out."""
    manifest = json.loads(MANIFEST.read_text("utf-8"))
    manifest["contributes"]["configuration"] = sections()
    MANIFEST.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    write()
