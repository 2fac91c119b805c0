"""A real Neovim on a screen of its own: keys go in, the screen and the buffers come out.

Knows nothing of what is tested. Every wait is for a sign and has a hang guard.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pynvim

ROOT = Path(__file__).parents[3]
INIT = Path(__file__).with_name("init.lua")
HANG_S = 120.0  # a busy machine may be slow; nothing that is waited for takes this long
POLL_S = 0.02

_SCREEN = """
vim.cmd('redraw')
local lines = {}
for row = 1, vim.o.lines do
  local cells = {}
  for col = 1, vim.o.columns do cells[col] = vim.fn.screenstring(row, col) end
  lines[row] = (table.concat(cells):gsub('%s+$', ''))
end
return lines
"""


class Neovim:
    """One editor; a context manager that ends it and whatever it has started."""

    def __init__(self, program: str, options: Mapping[str, Any], env: Mapping[str, str], size: tuple[int, int]) -> None:
        asked = {"cmd": [sys.executable, "-m", "codefuse_lsp"], **options}
        environment = {
            **env,
            "CODEFUSE_PLUGIN": str(ROOT / "editors" / "nvim"),
            "CODEFUSE_OPTIONS": json.dumps(asked),
            "PYTHONPATH": str(ROOT),
        }
        argv = ["env", *(f"{name}={value}" for name, value in environment.items())]
        argv += [program, "--embed", "--headless", "-u", str(INIT)]
        self.rpc = pynvim.attach("child", argv=argv)
        self.rpc.ui_attach(*size, rgb=True)
        self.pid = int(self.rpc.funcs.getpid())

    def __enter__(self) -> Neovim:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError, EOFError):
            self.rpc.command("qall!")
        _hang_up(self.rpc)
        self.until(lambda: not Path(f"/proc/{self.pid}").exists() or _is_dead(self.pid), "the editor to leave")

    def lua(self, code: str, *given: Any) -> Any:
        """Run a chunk of Lua; `...` is what is given."""
        return self.rpc.exec_lua(code, *given)

    def keys(self, keys: str) -> None:
        """Type, in Neovim's notation."""
        self.rpc.input(keys)

    def command(self, line: str) -> None:
        """Run a command of the command line."""
        self.rpc.command(line)

    def open(self, path: Path, text: str | None = None) -> None:
        """Edit a file, and wait until the server has got to know it."""
        if text is not None:
            path.write_text(text, "utf-8")
        self.command(f"edit {path}")
        self.until(lambda: self.lua(_ATTACHED), f"the server to be told of {path.name}")

    @property
    def screen(self) -> list[str]:
        """What is drawn, line by line."""
        return list(self.lua(_SCREEN))

    @property
    def text(self) -> str:
        """The text of the current buffer."""
        return "\n".join(self.rpc.current.buffer[:])

    @property
    def notes(self) -> list[str]:
        """What the user was told."""
        return list(self.lua("return _G.notes"))

    def until(self, holds: Callable[[], Any], what: str) -> Any:
        """Wait until something holds, and return it."""
        end = time.monotonic() + HANG_S
        while time.monotonic() < end:
            if found := holds():
                return found
            time.sleep(POLL_S)
        with contextlib.suppress(OSError, EOFError):
            raise AssertionError("waited in vain for " + what + "\n" + "\n".join(self.screen) + f"\n{self.notes}")
        raise AssertionError("waited in vain for " + what)

    def shows(self, text: str) -> list[str]:
        """Wait until a text is on the screen."""

        def drawn() -> list[str] | None:
            screen = self.screen
            return screen if any(text in line for line in screen) else None

        return list(self.until(drawn, repr(text)))

    def hides(self, text: str) -> None:
        """Wait until a text is not on the screen any more."""
        self.until(lambda: not any(text in line for line in self.screen), f"no {text!r}")

    def tells(self, text: str) -> str:
        """Wait until the user was told a sentence that holds a text."""
        return str(self.until(lambda: next((note for note in self.notes if text in note), None), f"to hear {text!r}"))

    @property
    def servers(self) -> set[int]:
        """The processes of its language servers."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text("utf-8").split()
        found = set()
        for child in children:
            with contextlib.suppress(OSError):
                if b"codefuse_lsp" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.add(int(child))
        return found

    def kill_servers(self) -> set[int]:
        """Kill them, and return which they were."""
        servers = self.servers
        assert servers
        for server in servers:
            os.kill(server, signal.SIGKILL)
        return servers


_ATTACHED = """
local client = vim.lsp.get_clients({ name = 'codefuse', bufnr = 0 })[1]
return client ~= nil and client.initialized == true
"""


def _hang_up(rpc: pynvim.Nvim) -> None:
    """Close the connection; pynvim ends its event loop before its transports have said their last word."""
    loop = rpc._session._async_session._msgpack_stream.loop
    for transport in (loop._transport, *loop._to_close):
        transport.close()
    loop._loop.run_until_complete(asyncio.sleep(0.01))
    rpc.close()


def _is_dead(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text("utf-8")
    return True


def found() -> str | None:
    """Return the path of the Neovim that install.sh has put down, if it is there."""
    folder = Path(os.environ.get("CODEFUSE_EDITORS", Path.home() / ".cache" / "codefuse-editors"))
    program = folder / "neovim" / "usr" / "bin" / "nvim"
    return str(program) if program.exists() else None
