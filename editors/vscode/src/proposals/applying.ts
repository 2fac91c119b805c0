// Code of an answer put into files: at the cursor as it is, or merged into a file after a look at the difference.
import * as vscode from 'vscode'

import { fileAt } from '../chat/links'
import { isCode } from '../chat/references'
import { type Applied, type Hunk, Method } from '../protocol'
import type { Session } from '../server/session'
import { fits } from './hunks'
import type { Previews } from './preview'
import { Proposal } from './proposal'

const NO_EDITOR = 'Open the file that the code belongs into, and try again.'
const CHANGED = 'The file has changed meanwhile; apply the code again.'

export class Applying {
  constructor(
    private readonly session: Session,
    private readonly previews: Previews,
  ) {}

  /** Put code at the cursor, in place of what is selected. */
  async insert(code: string, last: vscode.TextEditor | undefined): Promise<void> {
    const editor = await shown(last)
    const text = code.endsWith('\n') && !editor.selection.isSingleLine ? code : code.replace(/\n$/, '')
    const put = (edit: vscode.TextEditorEdit) => editor.selections.forEach((one) => edit.replace(one, text))
    if (!(await editor.edit(put))) throw new Error('The code could not be put into this file.')
    await vscode.window.showTextDocument(editor.document)
  }

  /** Propose to merge code into the file it is meant for: the one that it names, else the one that was used last. */
  async apply(code: string, language: string, path: string, last: vscode.TextEditor | undefined): Promise<void> {
    const target = path ? await fileAt(path) : (await shown(last)).document.uri
    const document = target ? await vscode.workspace.openTextDocument(target) : undefined
    const textDocument = document && { uri: document.uri.toString(), version: document.version }
    const params = {
      code,
      language,
      mode: 'merge',
      ...(path ? { path } : {}),
      ...(textDocument ? { textDocument } : {}),
    }
    const applied = await this.session.request<Applied>(Method.applyCodeBlock, params)
    await this.propose(applied)
  }

  private async propose(applied: Applied): Promise<void> {
    const uri = this.session.converters.protocol2CodeConverter.asUri(applied.uri)
    const existing = await vscode.workspace.openTextDocument(uri).then(
      (document) => document,
      () => undefined,
    )
    const before = existing?.getText() ?? ''
    const hunks = applied.hunks ?? []
    if (!hunks.length) {
      void vscode.window.showInformationMessage(applied.note || 'The file has this code already.')
      return
    }
    if (!fits(before, hunks)) throw new Error(CHANGED)
    const proposal = new Proposal(uri, before, applied.label || 'Apply')
    proposal.settle(hunks, {
      accept: async (chosen) => {
        if (existing && (await vscode.workspace.openTextDocument(uri)).getText() !== before) throw new Error(CHANGED)
        if (chosen.length < hunks.length) return editOf(uri, chosen)
        return this.session.converters.protocol2CodeConverter.asWorkspaceEdit(applied.edit)
      },
      discard: () => undefined,
    })
    await this.previews.show(proposal, existing !== undefined)
    if (applied.note) void vscode.window.showInformationMessage(applied.note)
  }
}

/** Return an edit that puts hunks into a file. */
function editOf(uri: vscode.Uri, hunks: readonly Hunk[]): vscode.WorkspaceEdit {
  const edit = new vscode.WorkspaceEdit()
  for (const { range, newText } of hunks) {
    const { start, end } = range
    edit.replace(uri, new vscode.Range(start.line, start.character, end.line, end.character), newText)
  }
  return edit
}

/** Return the editor that was used last, brought to the front. */
async function shown(last: vscode.TextEditor | undefined): Promise<vscode.TextEditor> {
  if (!last || last.document.isClosed || !isCode(last.document.uri)) throw new Error(NO_EDITOR)
  const { viewColumn } = last
  const selections = last.selections
  const editor = await vscode.window.showTextDocument(last.document, viewColumn === undefined ? {} : { viewColumn })
  editor.selections = selections
  return editor
}
