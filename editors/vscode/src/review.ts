// A review of the file or the selection: its findings come as the server's diagnostics, and where there are none the
// server says so, or shows what it cannot place.
import * as vscode from 'vscode'

import { Method } from './protocol'
import type { Session } from './server/session'

export async function review(session: Session): Promise<void> {
  const editor = vscode.window.activeTextEditor
  if (!editor) return
  const { document, selection } = editor
  const point = ({ line, character }: vscode.Position) => ({ line, character })
  const range = selection.isEmpty ? {} : { range: { start: point(selection.start), end: point(selection.end) } }
  const params = { textDocument: { uri: document.uri.toString() }, ...range }
  const { findings } = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: 'CodeFuse: reviewing', cancellable: true },
    (_, token) => session.request<{ findings: unknown[] }>(Method.review, params, token),
  )
  if (findings.length) await vscode.commands.executeCommand('workbench.actions.view.problems')
}

export async function clearReview(session: Session): Promise<void> {
  await session.request(Method.clearReview, null)
}
