"""The settings in force: the user's own, over them what the client says of the workspace, then each folder's file.

What keeps code private is no layer's to take back: each adds to what must not be read, and none turns ghost text on
where it is off.

Input: values from each of them, as they come and go. Output: `Settings`, and a sentence for each value left out. Knows
nothing of where files lie or of what a client is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codefuse_lsp import config
from codefuse_lsp.config import Scope, Settings

CLIENT = "the workspace's settings"


class Layers:
    """What lies over the user's own settings; none of it may set what is the machine's."""

    def __init__(self, own: Settings) -> None:
        self._own = own
        self._client: dict[str, Any] = {}
        self._files: dict[str, Mapping[str, Any]] = {}  # by folder, in the order they were opened

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        settings = self._own
        for values in (self._client, *self._files.values()):
            settings, _ = config.apply(settings, values, "", workspace=True)
        return settings

    def take_from_client(self, values: Mapping[str, Any]) -> list[str]:
        """Take a part of what a client says; it tells the machine's settings too, which are left out."""
        names = config.names(Scope.WORKSPACE)
        mine = {name: value for key, value in values.items() if (name := config.snake_case(key)) in names}
        _, warnings = config.apply(self.settings, mine, CLIENT, workspace=True)
        self._client |= mine
        return warnings

    def take_all_from_client(self, values: Mapping[str, Any]) -> list[str]:
        """Take all that a client says, in place of what it said before."""
        self._client = {}
        return self.take_from_client(values)

    def take_from_file(self, folder: str, name: str, values: Mapping[str, Any]) -> list[str]:
        """Take what the settings file of a folder says."""
        _, warnings = config.apply(self.settings, values, name, workspace=True)
        self._files[folder] = values
        return warnings

    def keep_files(self, folders: list[str]) -> None:
        """Forget the files of all other folders."""
        self._files = {folder: values for folder, values in self._files.items() if folder in folders}
