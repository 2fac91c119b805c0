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
  const { version } = document
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
  const name = await vscode.window.showQuickPick(found.suggestions, {
    title: `A name in place of ${found.name}`,
    placeHolder: 'It is renamed wherever it is used',
  })
  if (!name) return
  if (document.version !== version) throw new Error('The file has changed meanwhile; ask for a name again.')
  const edit = await renaming(document.uri, selection.active, name)
  if (!edit?.size) return offerToCopy(found.name, name)
  if (!(await vscode.workspace.applyEdit(edit))) throw new Error(`${found.name} could not be renamed.`)
}

/** Nothing here renames in this language: what the user has chosen can still be taken along. */
async function offerToCopy(old: string, name: string): Promise<void> {
  const copy = `Copy ${name}`
  const word = `No extension that is installed can rename ${old} here.`
  if (await vscode.window.showWarningMessage(word, copy)) await vscode.env.clipboard.writeText(name)
}

/** Return the edit by which the language renames; undefined where nothing here knows how to. */
async function renaming(uri: vscode.Uri, at: vscode.Position, name: string): Promise<vscode.WorkspaceEdit | undefined> {
  try {
    return await vscode.commands.executeCommand('vscode.executeDocumentRenameProvider', uri, at, name)
  } catch {
    return undefined
  }
}
