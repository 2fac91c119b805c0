"""The words that no name can be, in each language: its reference's list of keywords.

Output: sets of words by LSP language id. Knows nothing of names.
"""

from __future__ import annotations

import keyword

_C = """
    auto break case char const continue default do double else enum extern float for goto if inline int long
    register restrict return short signed sizeof static struct switch typedef union unsigned void volatile
    while
"""
_JAVA = """
    abstract assert boolean break byte case catch char class const continue default do double else enum
    extends false final finally float for goto if implements import instanceof int interface long native new
    null package private protected public return short static strictfp super switch synchronized this throw
    throws transient true try void volatile while
"""
_SCRIPT = """
    await break case catch class const continue debugger default delete do else enum export extends false
    finally for function if implements import in instanceof interface let new null package private protected
    public return static super switch this throw true try typeof var void while with yield
"""
_CPP = """
    bool catch class concept delete explicit export false friend mutable namespace new nullptr operator
    private protected public requires template this throw true try typename using virtual
"""
_CSHARP = """
    as base bool checked decimal delegate event explicit extern fixed foreach implicit in internal is lock
    namespace object operator out override params readonly ref sbyte sealed sizeof stackalloc string struct
    typeof uint ulong unchecked unsafe ushort using virtual
"""
_GO = """
    break case chan const continue default defer else fallthrough for func go goto if import interface map
    package range return select struct switch type var
"""
_LUA = """
    and break do else elseif end false for function goto if in local nil not or repeat return then true until
    while
"""
_PHP = """
    and array as callable clone declare echo elseif empty endfor endif endwhile eval exit fn foreach function
    global include insteadof isset list match namespace or print readonly require trait unset use var xor
    yield
"""
_RUBY = """
    alias and begin break case class def defined do else elsif end ensure false for if in module next nil not
    or redo rescue retry return self super then true undef unless until when while yield
"""
_RUST = """
    as async await break const continue crate dyn else enum extern false fn for if impl in let loop match mod
    move mut pub ref return self static struct super trait true type unsafe use where while
"""
_SHELLSCRIPT = """
    case do done elif else esac fi for function if in select then time until while
"""

_WORDS = {
    "c": _C,
    "cpp": _C + _CPP,
    "csharp": _JAVA + _CSHARP,
    "go": _GO,
    "java": _JAVA,
    "lua": _LUA,
    "php": _JAVA + _PHP,
    "python": " ".join((*keyword.kwlist, *keyword.softkwlist)),
    "ruby": _RUBY,
    "rust": _RUST,
    "shellscript": _SHELLSCRIPT,
    **dict.fromkeys(("javascript", "javascriptreact", "typescript", "typescriptreact"), _SCRIPT),
}


def keywords(language: str) -> frozenset[str]:
    """Return the words that no name of a language can be."""
    return frozenset(_WORDS.get(language, "").split())
