"""What is shown, typed in an editor that closes brackets and quotes: the rest of it is found at each key."""

from __future__ import annotations

import pytest

from codefuse_lsp.suggestions.cache import AnswerCache
from codefuse_lsp.suggestions.filters import opened
from codefuse_lsp.suggestions.fitting import fitted, fitted_on
from codefuse_lsp.suggestions.outcome import Suggestion
from tests.suggestions.places import drawn, place_at, tree_at, with_typed

CLOSERS = {"(": ")", "[": "]", "{": "}", '"': '"', "'": "'", "`": "`"}
MAY_FOLLOW = " \t\n)]};:,.=>`\"'"  # what closes, or nothing: VS Code closes brackets before these only


class Editor:
    """Closes what is typed, in strings too, and types over what it closed, as VS Code does."""

    def __init__(self, before: str, after: str) -> None:
        self.before, self.after = before, after
        self.closed = [mark for mark in reversed(after.split("\n")[0].rstrip()) if mark in CLOSERS.values()]

    def type(self, mark: str) -> None:
        if self.closed and self.closed[-1] == mark == self.after[:1]:
            self.closed.pop()
            self.after = self.after[1:]
        elif mark in CLOSERS and self._closes(mark):
            self.closed.append(CLOSERS[mark])
            self.after = CLOSERS[mark] + self.after
        self.before += mark

    def _closes(self, mark: str) -> bool:
        last = self.before[-1:]
        is_in_word = mark in "\"'`" and (last.isalnum() or last in ("_", mark))
        return (not self.after or self.after[0] in MAY_FOLLOW) and not is_in_word


@pytest.mark.parametrize(
    ("language", "document", "written"),
    [
        ("typescript", "const u = │\n", "`/users/${id}/posts/${post.id}`;\n"),
        ("python", "msg = │\n", 'f"{name}: {value!r}"\n'),
        ("python", "x = re.compile(│)\n", 'r"([a-z]+)\\(")\n'),
        ("python", 'x = {"a": │}\n', '[1, 2], "b": (3,)}\n'),
        ("python", "print(│)\n", '"(", ")")\n'),
        ("python", "x = │\n", '"it\'s (a)"\n'),
        ("go", "package main\n\nfunc f() {\n\tx := │\n}\n", 'fmt.Sprintf("%d (%s)", a, b)\n'),
        ("rust", "fn f() {\n    let x = │\n}\n", 'format!("{}", a[0]);\n'),
        ("java", "class A { void f() {\n    String s = │\n}}\n", 'foo("a(b", c[0]);\n'),
        ("typescript", "const a = │\n", "b ? {c: [1]} : d(e => ({f: 1}));\n"),
        ("typescript", "function g(x: any) {\n  if (│)\n}\n", "x === null) {\n    return 1;\n  }\n"),
        ("python", "def f(x):\n    │\n    return x\n", "if x < 0:\n        raise ValueError(x)\n    return x\n"),
    ],
)
def test_at_each_key_the_rest_is_found_and_leads_to_the_same_text(language: str, document: str, written: str) -> None:
    context = drawn(document, language)
    place = place_at(context)
    shown = fitted(written, place, tree_at(context)).outcome
    assert isinstance(shown, Suggestion)
    cache, editor = AnswerCache(), Editor(context.prefix, context.suffix)
    cache.store(place, opened(written, place), now=0.0)
    goal = context.prefix + shown.text + context.suffix[shown.replaces :]
    for number, mark in enumerate(shown.text.partition("\n")[0][:-1], 1):
        editor.type(mark)
        here = with_typed(context, shown.text[:number], editor.after)
        hit = cache.find(here, now=0.0)
        assert hit is not None, editor.before
        left = fitted_on(hit, place_at(here), tree_at(here)).outcome
        assert isinstance(left, Suggestion), editor.before
        assert editor.before + left.text + editor.after[left.replaces :] == goal
