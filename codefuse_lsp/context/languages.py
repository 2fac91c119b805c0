"""The LSP language id of a file, by its name. Pure: the file itself is never looked at."""

from __future__ import annotations

from pathlib import PurePath

PLAIN = "plaintext"

# language id -> suffixes; ids as the LSP 3.18 specification lists them under TextDocumentItem, else as VS Code does
SUFFIXES: dict[str, str] = {
    "bat": "bat cmd",
    "c": "c h",
    "clojure": "clj cljs cljc edn",
    "cmake": "cmake",
    "cpp": "cpp cc cxx c++ hpp hh hxx h++ ipp inl",
    "csharp": "cs csx",
    "css": "css",
    "cuda-cpp": "cu cuh",
    "dart": "dart",
    "elixir": "ex exs",
    "erlang": "erl hrl",
    "fsharp": "fs fsi fsx",
    "go": "go",
    "graphql": "graphql gql",
    "groovy": "groovy gradle",
    "haskell": "hs lhs",
    "html": "html htm xhtml",
    "ini": "ini cfg conf",
    "java": "java",
    "javascript": "js mjs cjs",
    "javascriptreact": "jsx",
    "json": "json",
    "jsonc": "jsonc",
    "julia": "jl",
    "kotlin": "kt kts",
    "latex": "tex",
    "less": "less",
    "lisp": "lisp el cl",
    "lua": "lua",
    "makefile": "mk mak",
    "markdown": "md markdown",
    "objective-c": "m",
    "objective-cpp": "mm",
    "ocaml": "ml mli",
    "perl": "pl pm",
    "php": "php phtml",
    "powershell": "ps1 psm1 psd1",
    "proto": "proto",
    "python": "py pyi pyw",
    "r": "r",
    "ruby": "rb rake gemspec",
    "rust": "rs",
    "scala": "scala sc",
    "scss": "scss",
    "shellscript": "sh bash zsh ksh",
    "sql": "sql",
    "svelte": "svelte",
    "swift": "swift",
    "terraform": "tf",
    "toml": "toml",
    "typescript": "ts mts cts",
    "typescriptreact": "tsx",
    "vb": "vb",
    "vue": "vue",
    "xml": "xml xsd xsl xslt svg",
    "yaml": "yaml yml",
    "zig": "zig",
}
NAMES = {
    "dockerfile": "dockerfile",
    "containerfile": "dockerfile",
    "makefile": "makefile",
    "gnumakefile": "makefile",
    "cmakelists.txt": "cmake",
    "gemfile": "ruby",
    "rakefile": "ruby",
    ".bashrc": "shellscript",
    ".zshrc": "shellscript",
    ".profile": "shellscript",
}
_BY_SUFFIX = {suffix: language for language, suffixes in SUFFIXES.items() for suffix in suffixes.split()}


def language_of(path: str | PurePath) -> str:
    """Return the LSP language id of a file by its name or suffix; 'plaintext' where neither tells."""
    name = PurePath(path).name.lower()
    return NAMES.get(name) or _BY_SUFFIX.get(PurePath(name).suffix[1:], PLAIN)
