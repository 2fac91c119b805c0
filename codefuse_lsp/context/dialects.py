"""Families of languages that look alike on the surface. Output: sets of LSP language ids; knows nothing of grammars."""

from __future__ import annotations

from typing import Final

SCRIPTS: Final = frozenset({"javascript", "javascriptreact", "typescript", "typescriptreact"})
C_LIKE: Final = SCRIPTS | {
    "c",
    "cpp",
    "csharp",
    "cuda-cpp",
    "dart",
    "java",
    "objective-c",
    "objective-cpp",
    "php",
    "rust",
}
STYLES: Final = frozenset({"css", "less", "scss"})

SEMICOLONS: Final = C_LIKE | STYLES | {"sql", "proto"}  # a statement ends with one
BRACES: Final = C_LIKE | STYLES | {"go", "graphql", "groovy", "kotlin", "proto", "scala", "swift", "terraform", "zig"}
ENDS: Final = frozenset({"ruby", "lua", "shellscript", "elixir", "julia"})  # a word closes a block
NEW_LINES: Final = frozenset({"python", "lua", "go", "ruby", "toml", "yaml"})  # a statement ends with its line
MARKUP: Final = frozenset({"html", "xml", "vue", "svelte", "php", "javascriptreact", "typescriptreact"})
DATA: Final = frozenset({"json", "jsonc", "yaml", "toml", "ini"})
PROSE: Final = frozenset({"markdown", "plaintext", "latex", "restructuredtext", "git-commit"})

SLASH_COMMENTS: Final = C_LIKE | STYLES | {"go", "jsonc", "kotlin", "proto", "scala", "swift", "zig"}
HASH_COMMENTS: Final = frozenset(
    {"python", "ruby", "shellscript", "yaml", "toml", "php", "elixir", "julia", "terraform"}
)
DASH_COMMENTS: Final = frozenset({"lua", "sql", "haskell"})
