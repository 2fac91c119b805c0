// Better names: the server's ideas for the name at the cursor, carried out by the language's own rename.
import * as vscode from 'vscode'

import { Method } from './protocol'
import type { Session } from './server/session'

interface Suggested {
  name: string
  suggestions: string[]
}

/** Let the user choose a name for what the cursor is on, and rename it everywhere. */
export async function suggestNames(session: Session): Promise<void> {
  const editor = vscode.window.activeTextEditor
  if (!editor) return
  const { document, selection } = editor
  const { line, character } = selection.active
  const params = { textDocument: { uri: document.uri.toString() }, position: { line, character } }
  const found = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: 'CodeFuse: looking for a name', cancellable: true },
    (_, token) => session.request<Suggested>(Method.renameSuggestions, params, token),
  )
  if (!found.suggestions.length) {
    void vscode.window.showInformationMessage(`No better name than ${found.name} was found.`)
    return
  }
  const name = await vscode.window.showQuickPick(found.suggestions, { title: `A name in place of ${found.name}` })
  if (!name) return
  const edit = await vscode.commands.executeCommand<vscode.WorkspaceEdit>(
    'vscode.executeDocumentRenameProvider',
    document.uri,
    selection.active,
    name,
  )
  await vscode.workspace.applyEdit(edit)
}
