// What a question can be about, taken from the editor: a selection, a file.
import * as vscode from 'vscode'

import type { Reference } from '../protocol'
import type { Chip } from './messages'

/** The selection of the editor that was used last; undefined where nothing is selected. */
export function selectionChip(editor: vscode.TextEditor | undefined): Chip | undefined {
  if (!editor || editor.selection.isEmpty || !isCode(editor.document.uri)) return undefined
  const { document, selection } = editor
  const { start, end } = selection
  const last = end.character === 0 && end.line > start.line ? end.line - 1 : end.line
  const lines = start.line === last ? `${start.line + 1}` : `${start.line + 1}-${last + 1}`
  const reference: Reference = { uri: document.uri.toString(), range: { start, end }, kind: 'selection' }
  return { label: `${nameOf(document.uri)}:${lines}`, detail: detailOf(document.uri), kind: 'selection', reference }
}

export function fileChip(uri: vscode.Uri): Chip {
  return { label: nameOf(uri), detail: detailOf(uri), kind: 'file', reference: { uri: uri.toString(), kind: 'file' } }
}

/** Let the user choose a file of the workspace. */
export async function pickFile(): Promise<Chip | undefined> {
  const open = vscode.window.tabGroups.all.flatMap(({ tabs }) => tabs.map(({ input }) => input))
  const first = open.filter((input) => input instanceof vscode.TabInputText).map(({ uri }) => uri)
  const found = await vscode.workspace.findFiles('**/*', undefined, 2000)
  const uris = new Map([...first.filter(isCode), ...found].map((uri) => [uri.toString(), uri]))
  const items = [...uris.values()].map((uri) => ({
    label: nameOf(uri),
    description: detailOf(uri),
    iconPath: vscode.ThemeIcon.File,
    resourceUri: uri,
    uri,
  }))
  const picked = await vscode.window.showQuickPick(items, { title: 'Add a file to the chat', matchOnDescription: true })
  return picked && fileChip(picked.uri)
}

/** Show what a reference points at. */
export async function openReference(reference: Reference): Promise<void> {
  if (!reference.uri) return
  const range = reference.range
  const selection =
    range && new vscode.Range(range.start.line, range.start.character, range.end.line, range.end.character)
  await vscode.window.showTextDocument(vscode.Uri.parse(reference.uri), selection ? { selection } : {})
}

export function isCode(uri: vscode.Uri): boolean {
  return ['file', 'untitled', 'vscode-notebook-cell', 'vscode-remote'].includes(uri.scheme)
}

function nameOf(uri: vscode.Uri): string {
  return uri.path.split('/').pop() ?? uri.path
}

function detailOf(uri: vscode.Uri): string {
  return vscode.workspace.asRelativePath(uri)
}
