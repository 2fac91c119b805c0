from __future__ import annotations

from pathlib import Path

from codefuse_lsp.evaluation.bench import library, overhead


async def test_each_part_of_a_request_has_its_figures(tmp_path: Path) -> None:
    figures = {item.name: item for item in await overhead.measure(tmp_path, 1)}
    whole = next(item for name, item in figures.items() if name.endswith("p50") and item.target == "< 5")
    parts = [item for name, item in figures.items() if name.startswith("of it") and name.endswith("p50")]
    assert len(parts) == 4 and all(item.median > 0 for item in parts)
    assert max(item.median for item in parts) < whole.median
    assert next(item for name, item in figures.items() if item.target == "< 25").median >= whole.median


def test_the_long_file_is_real_code_of_at_least_so_many_lines() -> None:
    text = library.long_source(overhead.LINES)
    assert overhead.LINES <= text.count("\n") < overhead.LINES + 5_000
    compile(text.replace("from __future__", "from future"), "long.py", "exec")
