"""What languages are called in prompts, and how each writes a comment.

Input: an LSP language id. Output: its name, its name behind a fence, and the tag line that CodeFuse's training and
evaluation put before code (`# language: Python`; codefuse-ai/codefuse-evaluation @09a4f2a, codefuseEval/processor).
"""

from __future__ import annotations

_HASH, _SLASHES, _DASHES, _PERCENT, _SEMICOLON = "# {}", "// {}", "-- {}", "% {}", "; {}"
_MARKUP, _STARS = "<!--{}-->", "/* {} */"  # the markup form has no spaces, as in the evaluation

# language id -> (name, comment)
LANGUAGES: dict[str, tuple[str, str]] = {
    "bat": ("Batchfile", "REM {}"),
    "c": ("C", _SLASHES),
    "clojure": ("Clojure", _SEMICOLON),
    "cmake": ("CMake", _HASH),
    "coffeescript": ("CoffeeScript", _HASH),
    "cpp": ("C++", _SLASHES),
    "csharp": ("C#", _SLASHES),
    "css": ("CSS", _STARS),
    "cuda-cpp": ("Cuda", _SLASHES),
    "dart": ("Dart", _SLASHES),
    "dockerfile": ("Dockerfile", _HASH),
    "elixir": ("Elixir", _HASH),
    "erlang": ("Erlang", _PERCENT),
    "fsharp": ("F#", _SLASHES),
    "go": ("Go", _SLASHES),
    "graphql": ("GraphQL", _HASH),
    "groovy": ("Groovy", _SLASHES),
    "haskell": ("Haskell", _DASHES),
    "html": ("HTML", _MARKUP),
    "ini": ("INI", _SEMICOLON),
    "java": ("Java", _SLASHES),
    "javascript": ("JavaScript", _SLASHES),
    "javascriptreact": ("JavaScript", _SLASHES),
    "json": ("JSON", _SLASHES),
    "jsonc": ("JSON", _SLASHES),
    "julia": ("Julia", _HASH),
    "kotlin": ("Kotlin", _SLASHES),
    "latex": ("TeX", _PERCENT),
    "less": ("Less", _SLASHES),
    "lisp": ("Lisp", _SEMICOLON),
    "lua": ("Lua", "-- {}"),
    "makefile": ("Makefile", _HASH),
    "markdown": ("Markdown", _MARKUP),
    "objective-c": ("Objective-C", _SLASHES),
    "objective-cpp": ("Objective-C++", _SLASHES),
    "ocaml": ("OCaml", "(* {} *)"),
    "perl": ("Perl", _HASH),
    "php": ("PHP", _SLASHES),
    "powershell": ("PowerShell", _HASH),
    "proto": ("Protocol Buffers", _SLASHES),
    "python": ("Python", _HASH),
    "r": ("R", _HASH),
    "ruby": ("Ruby", _HASH),
    "rust": ("Rust", _SLASHES),
    "scala": ("Scala", _SLASHES),
    "scss": ("SCSS", _SLASHES),
    "shellscript": ("Shell", _HASH),
    "sql": ("SQL", _DASHES),
    "svelte": ("Svelte", _MARKUP),
    "swift": ("Swift", _SLASHES),
    "terraform": ("Terraform", _HASH),
    "toml": ("TOML", _HASH),
    "typescript": ("TypeScript", _SLASHES),
    "typescriptreact": ("TypeScript", _SLASHES),
    "vb": ("Visual Basic", "' {}"),
    "vue": ("Vue", _MARKUP),
    "xml": ("XML", _MARKUP),
    "yaml": ("YAML", _HASH),
    "zig": ("Zig", _SLASHES),
}
_FENCE_NAMES = {
    **{"javascriptreact": "jsx", "typescriptreact": "tsx", "shellscript": "bash", "plaintext": ""},
    **{"cuda-cpp": "cuda", "objective-c": "objc", "objective-cpp": "objcpp"},
}


def display_name(language: str) -> str:
    """Return the name of a language as people write it; an unknown id is its own name."""
    return LANGUAGES[language][0] if language in LANGUAGES else language


def fence_name(language: str) -> str:
    """Return what stands behind the backticks of a fence."""
    return _FENCE_NAMES.get(language, language)


def language_tag(language: str) -> str:
    """Return the line that tells the model the language, as a comment of that language; '' for plain text."""
    if language in ("", "plaintext"):
        return ""
    return comment(f"language: {display_name(language)}", language)


def comment(text: str, language: str) -> str:
    """Return a line of text as a comment; of an unknown language, behind a number sign."""
    form = LANGUAGES[language][1] if language in LANGUAGES else _HASH
    return form.replace("{}", text)
