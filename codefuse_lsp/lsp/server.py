"""One editor window's server: its settings, its documents, its questions to the client, and what capabilities share.

Knows no capability; features.py puts them together.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.uris import to_fs_path

from codefuse_lsp import __version__, config
from codefuse_lsp.config import Settings
from codefuse_lsp.context.snippets import Document as Snapshot
from codefuse_lsp.generation.connection import Connection
from codefuse_lsp.lsp import transport
from codefuse_lsp.lsp.actions.findings import Findings
from codefuse_lsp.lsp.client import Client, ClientSilent
from codefuse_lsp.lsp.consent import Consents
from codefuse_lsp.lsp.content import SCHEME, Views
from codefuse_lsp.lsp.document import Document, path_in
from codefuse_lsp.lsp.history import History
from codefuse_lsp.lsp.latest import Latest
from codefuse_lsp.lsp.layers import Layers
from codefuse_lsp.lsp.own_actions import OwnActions
from codefuse_lsp.lsp.progress import Progress
from codefuse_lsp.lsp.protocol import CUSTOM
from codefuse_lsp.lsp.remembered import Remembered
from codefuse_lsp.lsp.status import StatusReporter
from codefuse_lsp.suggestions.log import FILE_NAME as LOG_NAME
from codefuse_lsp.suggestions.log import RequestLog
from codefuse_lsp.suggestions.pipeline import Suggester
from codefuse_lsp.suggestions.surroundings import Surroundings
from codefuse_lsp.suggestions.trace import FILE_NAME, Trace

SECTION = "codefuse"  # of workspace/configuration
MOST_WARNINGS = 5  # shown at once; a broken settings file is no reason for a storm

NOTEBOOKS = types.NotebookDocumentSyncOptions([types.NotebookDocumentFilterWithNotebook("*")])  # all cells of them

log = logging.getLogger(__name__)


class Protocol(transport.Protocol):
    """The wire with our methods and our views."""

    custom = CUSTOM
    content_schemes = (SCHEME,)

    def tell(self, method: str, params: object) -> None:
        """Send a notification under a name that is a request's too, which pygls would write as one."""
        self._send_data({"jsonrpc": self.VERSION, "method": method, "params": params})


class CodeFuseServer(Client):
    """One editor window's server and all that its capabilities share."""

    protocol: Protocol

    def __init__(self, settings: Settings) -> None:
        super().__init__(
            "codefuse-lsp",
            __version__,
            protocol_cls=Protocol,
            converter_factory=transport.converter,
            text_document_sync_kind=types.TextDocumentSyncKind.Incremental,
            notebook_document_sync=NOTEBOOKS,
        )
        self.settings = settings
        self._layers = Layers(settings)
        self.trusted = False
        self.latest = Latest()
        self.remembered = Remembered()
        self.views = Views(self)
        self.status = StatusReporter(self)
        self.work_done = Progress(self)
        self.consents = Consents(self)
        self.findings = Findings(self)
        self.own_actions = OwnActions()
        self.connection: Connection
        self.suggester: Suggester
        self.snapshots: dict[str, Snapshot] = {}  # by uri; of open documents, as they were last looked at
        self.read_notebooks: dict[str, object] = {}  # by uri; how they were last read, for those who take snapshots
        self.history = History(config.data_dir() / "conversations.sqlite3", lambda problem: self._warn([problem]))
        self._warnings: list[str] = []  # kept until the editor is ready to show them
        self._may_warn = False

    def configure(self, params: types.InitializeParams) -> None:
        """Take the editor's settings and build what depends on them; nothing is started yet."""
        options = params.initialization_options
        given = dict(options) if isinstance(options, Mapping) else {}
        self.trusted = given.pop("trusted", False) is True
        nested = given.pop("settings", None)
        given |= nested if isinstance(nested, Mapping) else {}
        self.settings, self._warnings = config.apply(self.settings, given, "the editor's settings")
        self._layers = Layers(self.settings)
        if params.root_uri and not self.workspace.folders:
            self.workspace.add_folder(types.WorkspaceFolder(params.root_uri, ""))
        self.connection = Connection(self.settings, self.status.changed)
        self.suggester = self._make_suggester()

    def _make_suggester(self) -> Suggester:
        data, settings = config.data_dir(), self.settings
        surroundings = Surroundings(
            self.folders,
            settings.ignore,
            settings.languages_off,
            open_documents=self._open_documents,
            key_folder=data,
        )
        log = RequestLog(data / LOG_NAME if settings.completion_log else None)
        return Suggester(self.connection, settings, Trace(data / FILE_NAME), surroundings, log)

    def _open_documents(self) -> tuple[Snapshot, ...]:
        """Return one open document of each path, the file rather than another version of it; any thread may ask."""
        found: dict[str, Snapshot] = {}
        for _, snapshot in sorted(self.snapshots.items(), key=lambda item: not item[0].startswith("file:")):
            found.setdefault(snapshot.path, snapshot)
        return tuple(found.values())

    async def begin(self) -> None:
        """Start the model, and read what only the workspace and the client can tell."""
        await self._read_workspace_files()
        self._warn(await asyncio.to_thread(self.own_actions.read_users))
        self.connection.start()
        await self.history.opened()
        await self.read_client_settings()
        self._may_warn = True
        self._warn([])
        if _supports_dynamic_configuration(self.client_capabilities):
            await self._register_for_configuration()

    async def end(self) -> None:
        """Close the history and let go of the model."""
        await self.history.close()
        if hasattr(self, "connection"):
            await self.suggester.close()
            await self.connection.close()

    async def read_client_settings(self) -> None:
        """Ask the client for its settings; a workspace may answer, so only workspace-scoped ones are taken."""
        workspace = self.client_capabilities.workspace
        if workspace is None or not workspace.configuration:
            return
        item = types.ConfigurationItem(section=SECTION)
        asked = self.workspace_configuration_async(types.ConfigurationParams(items=[item]))
        try:
            answer = await self.within_reason(asked)
        except (ClientSilent, JsonRpcException):
            return
        if answer and isinstance(answer[0], Mapping):
            self._warn(self._layers.take_all_from_client(answer[0]))
            self._use_settings()

    def take_client_settings(self, values: Mapping[str, Any]) -> None:
        """Take what the client has changed of its settings for the workspace."""
        self._warn(self._layers.take_from_client(values))
        self._use_settings()

    @property
    def folders(self) -> list[str]:
        """The paths of the workspace's folders."""
        return [path for folder in self.workspace.folders.values() if (path := to_fs_path(folder.uri))]

    async def folders_changed(self) -> None:
        """Look round in the folders that are open now, and hold their settings in force and no others."""
        await self.suggester.open_folders(self.folders)
        self._layers.keep_files(self.folders)
        self.own_actions.keep_files(self.folders)
        await self._read_workspace_files()

    def _use_settings(self) -> None:
        self.settings = self._layers.settings
        self.suggester.settings = self.settings

    def _warn(self, sentences: list[str]) -> None:
        """Show what is wrong with the settings, a few sentences at once."""
        self._warnings += sentences
        if self._may_warn:
            for sentence in self._warnings[:MOST_WARNINGS]:
                self.tell(sentence, types.MessageType.Warning)
            self._warnings = []

    def document(self, uri: str) -> Document:
        """Return a document of the editor's, or the file behind the uri."""
        document = self.workspace.get_text_document(uri)
        assert isinstance(document, Document)
        return document

    def notebook(self, document: Document) -> types.NotebookDocument | None:
        """Return the notebook that a document is a cell of; None for any other document."""
        return self.workspace.get_notebook_document(cell_uri=document.uri)

    def path_of(self, document: Document) -> str:
        """Return where a document lies, a cell with its notebook; one that is no file, such as git's, where it would.

        Rules hold for it there: an old version of a file may be read if the file may.
        """
        notebook = self.notebook(document)
        uri = document.uri if notebook is None else notebook.uri
        return path_in(uri) or uri.partition(":")[0]

    def rule_against(self, document: Document) -> str | None:
        """Return a sentence that says why a document never enters a prompt; looks at the disk, so not on the loop."""
        return self.suggester.surroundings.ignore.rule_against(self.path_of(document))

    def workspace_root(self, uri: str) -> Path | None:
        """Return the innermost workspace folder that holds `uri`."""
        path = to_fs_path(uri)
        holding = [root for root in map(Path, self.folders) if path and PurePath(path).is_relative_to(root)]
        return max(holding, key=lambda root: len(root.parts), default=None)

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Log what went wrong inside; the user is not to be bothered with it, nor the log with the user's code."""
        log.error("%s: %s", getattr(source, "__name__", "error"), type(error).__name__)

    async def _read_workspace_files(self) -> None:
        for folder in self.folders:
            values, warnings = await asyncio.to_thread(config.read_toml, Path(folder) / config.WORKSPACE_FILE)
            if folder in self.folders:  # still
                warnings += self._layers.take_from_file(folder, config.WORKSPACE_FILE, values)
                name, trusted = config.WORKSPACE_FILE, self.trusted
                self._warn(warnings + self.own_actions.take_from_file(folder, name, values, trusted=trusted))
        self._use_settings()

    async def _register_for_configuration(self) -> None:
        registration = types.Registration(
            "codefuse-configuration",
            types.WORKSPACE_DID_CHANGE_CONFIGURATION,
            types.DidChangeConfigurationRegistrationOptions(section=SECTION),
        )
        asked = self.client_register_capability_async(types.RegistrationParams([registration]))
        await self.agrees(asked)


def _supports_dynamic_configuration(capabilities: types.ClientCapabilities) -> bool:
    workspace = capabilities.workspace
    configuration = workspace.did_change_configuration if workspace else None
    return bool(configuration and configuration.dynamic_registration)
