"""Real rewrites of functions of the corpus: names, expressions, heads, helpers, imports, spread and variable arguments.

Each is said as what it changes in the function, and where its imports end up in the file.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.corpus.functions import Function, functions


@dataclass(frozen=True)
class Rewritten(Function):
    """A function written anew; `imports` are the lines that the answer begins with, `after` the line they go behind."""

    changes: tuple[tuple[str, str], ...] = ()
    imports: str = ""
    after: str = ""

    @property
    def better(self) -> str:
        code = self.code
        for old, new in self.changes:
            assert old in code, (self.id, old)
            code = code.replace(old, new)
        return code

    @property
    def expected(self) -> str:
        place, new = self.place, self.better.replace("\n", self.place.line_end)
        return "".join([*place.lines[: place.span.start], new, *place.lines[place.span.stop :]])

    @property
    def expected_with_imports(self) -> str:
        after, end = self.after + self.place.line_end, self.place.line_end
        assert self.expected.count(after) == 1, self.id
        added = self.imports.replace("\n", end)
        if "import (" in self.expected:  # Go: into the block
            added = added.replace("import ", "\t")
        return self.expected.replace(after, after + added)


def _of(file: str, name: str, *changes: tuple[str, str], imports: str = "", after: str = "") -> Rewritten:
    found = next(one for one in functions() if one.path.name == file and one.name == name)
    return Rewritten(found.path, found.name, found.place, found.note_row, changes, imports, after)


REWRITES = (
    _of(
        "inventory.py",
        "label",
        (
            '        return f"{self.name} ({self.cents / 100:.2f} €)"',
            '        price = self.cents / 100\n        return f"{self.name} ({price:.2f} €)"',
        ),
    ),
    _of("inventory.py", "parse", ("line: str)", "line: str, *, at: int = 0)"), ("search(line)", "search(line, at)")),
    _of(
        "inventory.py",
        "put",
        ("        at: int | None = None,\n", "        at: int | None = None,\n        **details: object,\n"),
        ("at is None", "at is None and not details"),
    ),
    _of(
        "tabs.py",
        "variance",
        ("sum(values) / len(values)", "statistics.fmean(values)"),
        imports="import statistics\n",
        after="import math",
    ),
    _of(
        "tabs.py",
        "variance",
        ("def variance(", "def squared(value):\n\treturn value * value\n\n\ndef variance("),
        ("(value - mean) ** 2", "squared(value - mean)"),
    ),
    _of("tabs.py", "add", ("math.floor(value / self.width)", "int(value // self.width)")),
    _of("walk_crlf.py", "is_hidden", ('startswith(".")', 'startswith((".", "~"))')),
    _of(
        "walk_crlf.py",
        "sizes",
        ("os.path.getsize(os.path.join(self.root, name))", "Path(self.root, name).stat().st_size"),
        imports="from pathlib import Path\n",
        after="import sys",
    ),
    _of(
        "cart.js",
        "add",
        (
            "    this.#items.push({ item, quantity, note });\n",
            "    const entry = {\n      ...note,\n      item,\n      quantity,\n    };\n    this.#items.push(entry);\n",
        ),
    ),
    _of("cart.js", "debounce", ("callback", "action"), ("...values) {", "...rest) {"), (", values)", ", rest)")),
    _of(
        "cart.js",
        "format",
        ("// shows", "const round = (price) => Math.round(price * 100) / 100;\n\n// shows"),
        ("  const rounded = Math.round(price * 100) / 100;\n", "  const rounded = round(price);\n"),
    ),
    _of(
        "store.ts",
        "set",
        (
            "{ key, value, expires }",
            "{\n            ...this.entries.get(key),\n            key,\n"
            "            value,\n            expires,\n        }",
        ),
    ),
    _of(
        "store.ts",
        "groupBy",
        ("    return found\n", "    console.debug(inspect(found))\n    return found\n"),
        imports="import { inspect } from 'node:util'\n",
        after="import { EventEmitter } from 'node:events'",
    ),
    _of("List.tsx", "Empty", ("<p>", '<p className="empty">'), ("text", "words")),
    _of(
        "ring.go",
        "Push",
        ("value T", "values ...T"),
        ("\tr.items[r.next] = value\n", "\tfor _, value := range values {\n\t\tr.items[r.next] = value\n\t}\n"),
    ),
    _of("ring.go", "New", ("\treturn", "\tlog.Println(n)\n\treturn"), imports='import "log"\n', after='\t"sync"'),
    _of(
        "matrix.rs",
        "get",
        ("        self.cells.get(row)?.get", "        let line = self.cells.get(row)?;\n        line.get"),
    ),
    _of(
        "Ledger.java",
        "add",
        ("long cents)", "long... all)"),
        (
            "        totals.merge(key, cents, Math::addExact);\n",
            "        for (long cents : all) {\n            totals.merge(key, cents, Math::addExact);\n        }\n",
        ),
    ),
    _of(
        "Ledger.java",
        "iterator",
        ("totals.keySet()", "Stream.of(totals).flatMap(one -> one.keySet().stream())"),
        imports="import java.util.stream.Stream;\n",
        after="import java.util.stream.Collectors;",
    ),
    _of("strings.c", "append", ("const char *text)", "const char *text,\n           ...)")),
    _of(
        "strings.c",
        "hash",
        ("\tunsigned long found = 5381", "\tuint64_t found = 5381"),
        imports="#include <stdint.h>\n",
        after="#include <string.h>",
    ),
    _of("shapes.cpp", "total", ("sum", "areas"), ("double areas = 0", "double areas{}")),
    _of(
        "shapes.cpp",
        "largest",
        ("  std::sort(", '  if (!count) throw std::invalid_argument("count");\n  std::sort('),
        imports="#include <stdexcept>\n",
        after="#include <vector>",
    ),
    _of(
        "stack.lua",
        "push",
        ("  for _, value in ipairs({ ... }) do", "  local all = { ... }\n  for _, value in ipairs(all) do"),
    ),
    _of("queue.rb", "push", ("@jobs.size >= @limit", "full?"), ("      @jobs << job\n", "      @jobs.push(job)\n")),
    _of(
        "router.php",
        "dispatch",
        (
            "$handler(...array_filter($found, 'is_string', ARRAY_FILTER_USE_KEY));",
            "$handler(\n                    ...array_filter($found, 'is_string', ARRAY_FILTER_USE_KEY),\n"
            "                );",
        ),
    ),
    _of(
        "Clock.cs",
        "Add",
        ("entries", "list"),
        ("string entry)", "params string[] all)"),
        ("Add(entry)", "AddRange(all)"),
    ),
    _of("backup.sh", "newest", ("tail -n 1", 'tail -n "${2:-1}"'), ("$name", "${name}")),
)
