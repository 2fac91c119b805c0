"""Record `codefuse-lsp demo` as it runs and write the README's picture: `python tests/make_demo_picture.py`."""

from __future__ import annotations

import asyncio
import io
import re
import sys
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from codefuse_lsp import config
from codefuse_lsp.cli import demo

PICTURE = Path(__file__).parents[1] / "editors" / "media" / "demo.svg"
WIDTH = 84  # characters


def main() -> int:
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print(Text.assemble(("$ ", "bold green"), "codefuse-lsp demo"))
    settings, _ = config.load()
    if not asyncio.run(demo.play(console, settings)):
        print("the demo did not come through; the picture is left as it was", file=sys.stderr)
        return 1
    frame = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)  # no fonts from the network
    frame = frame.replace("Fira Code", "DejaVu Sans Mono")
    PICTURE.write_text(console.export_svg(title="codefuse-lsp demo", theme=MONOKAI, code_format=frame), "utf-8")
    print(f"wrote {PICTURE}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
