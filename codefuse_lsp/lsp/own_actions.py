"""The users' own actions in force: those of the user's settings file, and of trusted workspaces.

Input: what the files hold, as they come and go. Output: `OwnAction`s, and a sentence for each that was left out. Knows
nothing of what they do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from codefuse_lsp import config
from codefuse_lsp.config.own_actions import KEY, OwnAction, read_actions


class OwnActions:
    """The actions of all sources; of two with one name, the user's comes before a workspace's."""

    def __init__(self) -> None:
        self._users: tuple[OwnAction, ...] = ()
        self._folders: dict[str, tuple[OwnAction, ...]] = {}

    def __iter__(self) -> Iterator[OwnAction]:
        found: dict[str, OwnAction] = {}
        for action in (*self._users, *(one for actions in self._folders.values() for one in actions)):
            found.setdefault(action.name, action)
        return iter(found.values())

    def named(self, name: str) -> OwnAction | None:
        """Return the action of a name, if there is one now."""
        return next((action for action in self if action.name == name), None)

    def read_users(self) -> list[str]:
        """Take what the user's own file says, and return a sentence for each action that cannot be used."""
        path = config.user_file()
        values, _ = config.read_toml(path)  # what is wrong with the file was told when settings were read
        self._users, warnings = read_actions(values.get(KEY), str(path))
        return warnings

    def take_from_file(self, folder: str, name: str, values: Mapping[str, Any], *, trusted: bool) -> list[str]:
        """Take what the settings file of a folder says: its words go to the model, so only of a trusted one."""
        if not trusted and values.get(KEY):
            self._folders.pop(folder, None)
            return [f"{name}: it has actions of its own; they are offered once you trust the workspace."]
        self._folders[folder], warnings = read_actions(values.get(KEY), name)
        return warnings

    def keep_files(self, folders: Sequence[str]) -> None:
        """Forget the files of all other folders."""
        self._folders = {folder: actions for folder, actions in self._folders.items() if folder in folders}
