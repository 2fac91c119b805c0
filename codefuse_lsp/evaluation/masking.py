"""Which places of a repository are masked: lines that say something, and the bodies of small functions.

Input: source files and a seed. Output: gaps, spread over files and languages, the same at every run, a smaller sample
within a larger. What is left out: blank lines, those of brackets and keywords only, comments, docstrings, imports.
Knows nothing of models.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from tree_sitter import Node, Tree

from codefuse_lsp.context.cursor import CursorContext
from codefuse_lsp.context.definitions import ANONYMOUS, FUNCTIONS
from codefuse_lsp.context.grammars import PARSE_DEADLINE_S, nodes, parse_bytes
from codefuse_lsp.context.imports import import_lines
from codefuse_lsp.context.similarity import words
from codefuse_lsp.context.trees import SyntaxAt
from codefuse_lsp.context.whereabouts import Within, is_comment, within
from codefuse_lsp.evaluation.gaps import Gap, lines_of
from codefuse_lsp.evaluation.source_files import SourceFile, read_source

LINE, BLOCK = "line", "block"
BLOCK_SHARE = 1 / 3  # of the places
BLOCK_LINES = range(2, 13)  # of a body
LONGEST_LINE = 200  # characters; what is longer is data
_QUOTES = ('"""', "'''")


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of a source that may be masked, from the first that is no indentation to the last of a line."""

    kind: str
    start: int
    stop: int


def drawn(files: Sequence[SourceFile], seed: int, limit: int | None) -> list[Gap]:
    """Return the gaps of a seed, at most `limit`: one of each file in a mixed order, then a second one of each, …."""
    return list(islice(_drawn(in_mixed_order(files, seed), seed), limit))


def in_mixed_order(files: Sequence[SourceFile], seed: int) -> list[SourceFile]:
    """Return the files so that any head of them holds each language by the root of its number of files.

    So a language with a hundred times as many files gets ten times as many places, and none gets nothing.
    """
    by_language: dict[str, list[SourceFile]] = defaultdict(list)
    for file in files:
        by_language[file.language].append(file)
    chance = random.Random(seed)
    keyed = []
    for language in sorted(by_language):
        own = sorted(by_language[language], key=lambda file: file.name)
        chance.shuffle(own)
        keyed += [((place + chance.random()) / math.sqrt(len(own)), file.name, file) for place, file in enumerate(own)]
    return [file for _, _, file in sorted(keyed, key=lambda one: one[:2])]


def spans_of(source: bytes, language: str) -> list[Span]:
    """Return the places of a source that may be masked, in its order; none where it cannot be parsed in time."""
    tree = parse_bytes(source, language, deadline_s=10 * PARSE_DEADLINE_S)
    if tree is None:
        return []
    spans = [*_lines(source, language, tree), *_blocks(source, tree)]
    return sorted(set(spans), key=lambda span: (span.start, span.kind))


def gap_at(file: SourceFile, source: bytes, span: Span) -> Gap:
    """Return a source with one of its places masked, the rest of it as it is to the byte."""
    before, missing, after = (
        part.decode("utf-8", "surrogatepass")
        for part in (source[: span.start], source[span.start : span.stop], source[span.stop :])
    )
    name = f"{file.name}:{len(lines_of(before))}:{span.kind}"
    return Gap(name, str(file.path), file.language, before, missing, after, span.kind)


def _drawn(files: Sequence[SourceFile], seed: int) -> Iterator[Gap]:
    waiting = [_deck(file, seed) for file in files]
    while waiting:
        left = []
        for deck in waiting:
            gap = next(deck, None)
            if gap is not None:
                yield gap
                left.append(deck)
        waiting = left


def _deck(file: SourceFile, seed: int) -> Iterator[Gap]:
    """Yield the places of a file in a random order, blocks and lines mixed; reads it when first asked."""
    source = read_source(file.path) or b""
    spans = spans_of(source, file.language)
    chance = random.Random(f"{seed} {file.name}".encode("utf-8", "surrogatepass"))  # a name may be no UTF-8
    chance.shuffle(spans)
    blocks = [span for span in spans if span.kind == BLOCK]
    lines = [span for span in spans if span.kind == LINE]
    while lines or blocks:
        is_block = chance.random() < BLOCK_SHARE
        yield gap_at(file, source, (blocks if (is_block and blocks) or not lines else lines).pop())


def _lines(source: bytes, language: str, tree: Tree) -> Iterator[Span]:
    lines = lines_of(source.decode("utf-8", "surrogatepass"))
    imports = {number for statement in import_lines(lines, language) for number in statement}
    start = 0
    for number, line in enumerate(lines):
        text = line.strip()
        first = start + len(line[: len(line) - len(line.lstrip())].encode())
        if number not in imports and _says_something(text, language) and _is_code(source, language, tree, first):
            bare = line.rstrip("\r\n")
            yield Span(LINE, first, start + len(bare.encode("utf-8", "surrogatepass")))
        start += len(line.encode("utf-8", "surrogatepass"))


def _says_something(text: str, language: str) -> bool:
    is_prose = is_comment(text, language) or text.startswith(_QUOTES)
    return len(text) <= LONGEST_LINE and not is_prose and bool(words(text))


def _is_code(source: bytes, language: str, tree: Tree, at: int) -> bool:
    """Return whether a line begins in code, and not in the middle of a comment or of a string."""
    context = CursorContext("", "", language, 0, "", source[at : at + LONGEST_LINE].decode("utf-8", "replace"))
    return within(context, SyntaxAt(language, source, tree, at)) is Within.CODE


def _blocks(source: bytes, tree: Tree) -> Iterator[Span]:
    for node in nodes(tree.root_node):
        if node.type in FUNCTIONS or node.type in ANONYMOUS:
            body = node.child_by_field_name("body")
            span = None if body is None else _inside(source, node, body)
            if span is not None:
                yield span


def _inside(source: bytes, function: Node, body: Node) -> Span | None:
    """Return what stands in a body on lines of its own, behind a docstring; None where it is none that is masked."""
    statements = body.named_children
    if statements and source[statements[0].start_byte :].startswith(tuple(mark.encode() for mark in _QUOTES)):
        statements = statements[1:]
    if not statements:
        return None
    start = statements[0].start_byte
    stop = start + len(source[start : statements[-1].end_byte].rstrip())
    before = source[source.rfind(b"\n", 0, start) + 1 : start]
    behind = source[stop : _end_of_line(source, stop)]
    if before.strip() or behind.strip() or source.rfind(b"\n", function.start_byte, start) < 0:
        return None  # it shares a line with what is round it
    text = source[start:stop].decode("utf-8", "surrogatepass")
    stop += len(behind.rstrip(b"\r"))  # white space at the end of the line goes with it
    return Span(BLOCK, start, stop) if text.count("\n") + 1 in BLOCK_LINES and words(text) else None


def _end_of_line(source: bytes, start: int) -> int:
    end = source.find(b"\n", start)
    return len(source) if end < 0 else end
