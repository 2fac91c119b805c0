// The server's actions as commands of the palette and of keys: they are asked for at the selection and carried out.
import * as vscode from 'vscode'

import type { Session } from './server/session'

/** Carry out the server's action of a kind (refactor.codefuse.…) at the selection, as its entry in the menu does. */
export async function carryOut(session: Session, kind: string): Promise<void> {
  const editor = vscode.window.activeTextEditor
  if (!editor) {
    void vscode.window.showInformationMessage('Open a file and put the cursor into the code that is meant.')
    return
  }
  await session.ready()
  const found = await vscode.commands.executeCommand<vscode.CodeAction[]>(
    'vscode.executeCodeActionProvider',
    editor.document.uri,
    editor.selection,
    kind,
    1, // resolved: with its edit, where it has one
  )
  const action = found.find((one) => one.kind?.value === kind)
  if (!action) {
    void vscode.window.showInformationMessage('CodeFuse offers nothing here: the file is empty, ignored, or not code.')
    return
  }
  if (action.edit && !(await vscode.workspace.applyEdit(action.edit, { isRefactoring: true })))
    throw new Error('The file could not be changed.')
  if (action.command) await vscode.commands.executeCommand(action.command.command, ...(action.command.arguments ?? []))
}
