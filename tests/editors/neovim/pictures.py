"""Write the README's pictures of Neovim: `python -m tests.editors.neovim.pictures`.

The editor runs in a terminal (tmux) with the real server and an engine whose words stand here.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from tests.editors.neovim.driver import HANG_S, POLL_S, ROOT, found
from tests.editors.scripted_engine import ScriptedEngine

MEDIA = ROOT / "editors" / "media"
COLUMNS, LINES = 112, 31
THEME = TerminalTheme(
    (20, 22, 27),
    (224, 226, 234),
    [(20, 22, 27), (255, 192, 185), (179, 246, 192), (252, 224, 148), (166, 219, 255), (255, 202, 255),
     (140, 248, 247), (238, 241, 248)],
)  # fmt: skip

TMUX = """\
set -g default-terminal "tmux-256color"
set -ga terminal-features ",*:RGB"
set -g escape-time 0
"""

CODE = """\
import csv
from pathlib import Path


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def total(rows, name):
    result = 0
    for row in rows:
        if row[name] != "":
            result = result + float(row[name])
    return result

"""
GHOST = """rows: list[dict[str, str]], name: str) -> float:
    values = [float(row[name]) for row in rows if row[name]]
    return sum(values) / len(values)
"""
ANSWER = """\
`float` raises a **ValueError** for a cell such as `n/a`. Skip what is no number:

```python
def total(rows, name):
    result = 0
    for row in rows:
        try:
            result = result + float(row[name])
        except ValueError:
            continue
    return result
```

Press `m` on the code to merge it into the file.
"""
SHORTER = '''def total(rows, name):
    """Return the sum of a column; empty cells count as nothing."""
    return sum(float(row[name]) for row in rows if row[name] != "")
'''


class Terminal:
    """A terminal with Neovim in it."""

    def __init__(self, folder: Path, env: dict[str, str], *argv: str) -> None:
        config = folder / "tmux.conf"
        config.write_text(TMUX, "utf-8")
        self._tmux = ["tmux", "-L", f"codefuse-{os.getpid()}", "-f", str(config)]
        size = ["-x", str(COLUMNS), "-y", str(LINES)]
        given = [f"{name}={value}" for name, value in env.items()]
        self._run("new-session", "-d", *size, "-c", str(folder), "env", *given, *argv)
        self._run("set", "-g", "status", "off")

    def _run(self, *words: str) -> str:
        done = subprocess.run([*self._tmux, *words], capture_output=True, text=True, check=True)
        return done.stdout

    def keys(self, *keys: str) -> None:
        self._run("send-keys", *keys)

    def types(self, text: str) -> None:
        self._run("send-keys", "-l", text)

    def shows(self, text: str) -> None:
        end = time.monotonic() + HANG_S
        while text not in self._run("capture-pane", "-p"):
            if time.monotonic() > end:
                raise SystemExit(f"waited in vain for {text!r}:\n{self._run('capture-pane', '-p')}")
            time.sleep(POLL_S)

    def picture(self, name: str, title: str) -> None:
        """Write what is on the screen as a picture."""
        console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
        console.print(Text.from_ansi(self._run("capture-pane", "-p", "-e", "-N")), no_wrap=True, overflow="crop")
        frame = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)  # none from the network
        frame = frame.replace("Fira Code", "DejaVu Sans Mono")
        path = MEDIA / f"neovim-{name}.svg"
        path.write_text(console.export_svg(title=title, theme=THEME, code_format=frame, unique_id=name), "utf-8")
        print(f"wrote {path}", file=sys.stderr)

    def close(self) -> None:
        self._run("kill-server")


def main() -> int:
    program = found()
    if program is None:
        print("install.sh beside this file installs Neovim", file=sys.stderr)
        return 1
    folder = Path(tempfile.mkdtemp(prefix="cf-"))
    env = {f"XDG_{name}": str(folder / name) for name in ("RUNTIME_DIR", "DATA_HOME", "CONFIG_HOME", "STATE_HOME")}
    for path in env.values():
        Path(path).mkdir(mode=0o700)
    env |= {"XDG_CACHE_HOME": str(folder), "PYTHONPATH": str(ROOT), "TERM": "tmux-256color", "COLORTERM": "truecolor"}
    with ScriptedEngine() as engine:
        engine.answers("", GHOST)
        engine.answers("ValueError", ANSWER)
        engine.answers("one expression", SHORTER)
        _configure(folder, engine.endpoint)
        terminal = Terminal(folder, env, program, "sales.py")
        try:
            _play(terminal)
        finally:
            terminal.close()
            shutil.rmtree(folder, ignore_errors=True)
    return 0


def _configure(folder: Path, endpoint: str) -> None:
    """Set up Neovim as the README says."""
    (folder / "sales.py").write_text(CODE, "utf-8")
    (folder / ".git").mkdir()
    package = folder / "DATA_HOME" / "nvim" / "site" / "pack" / "codefuse" / "start"
    package.mkdir(parents=True)
    (package / "codefuse").symlink_to(ROOT / "editors" / "nvim")
    init = folder / "CONFIG_HOME" / "nvim" / "init.lua"
    init.parent.mkdir()
    init.write_text(
        f"""vim.o.termguicolors = true
vim.o.number = true
vim.o.laststatus = 3
vim.o.swapfile = false
vim.o.ruler = false
vim.o.statusline = " %f %m%=%{{%v:lua.require'codefuse'.statusline()%}} "
require('codefuse').setup({{
  cmd = {{ '{sys.executable}', '-m', 'codefuse_lsp' }},
  settings = {{ endpoint = '{endpoint}' }},
}})
""",
        "utf-8",
    )


def _play(terminal: Terminal) -> None:
    terminal.shows("●")
    terminal.types("Go\ndef average(")
    terminal.shows("len(values)")
    terminal.picture("ghost-text", "Ghost text")
    terminal.keys("Tab", "Escape")
    terminal.types(":10,15CodeFuse edit as one expression")
    terminal.keys("Enter")
    terminal.shows("CodeFuse proposes")
    terminal.picture("edit", "An edit, decided hunk by hunk")
    terminal.types("q")
    terminal.types(":10,15CodeFuse chat why do I get a ValueError?")
    terminal.keys("Enter")
    terminal.shows("tokens read")
    terminal.picture("chat", "Chat about the selected lines")


if __name__ == "__main__":
    sys.exit(main())
