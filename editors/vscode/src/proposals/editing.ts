// Inline edit: an instruction about the selected code, and the rewrite as it is written, for a decision.
import * as vscode from 'vscode'

import { isCode } from '../chat/references'
import { type Edit, Method } from '../protocol'
import type { Session } from '../server/session'
import type { Previews } from './preview'
import { Proposal } from './proposal'

const LONGEST_TITLE = 40

export class Editing {
  private last = '' // instruction

  constructor(
    private readonly session: Session,
    private readonly previews: Previews,
  ) {}

  /** Ask what is to be done with the selection, or the line of the cursor, and propose it. */
  async begin(): Promise<void> {
    const editor = vscode.window.activeTextEditor
    if (!editor || !isCode(editor.document.uri)) {
      void vscode.window.showInformationMessage('Open a file and select the code that is to be changed.')
      return
    }
    const instruction = await vscode.window.showInputBox({
      title: `Edit ${placeOf(editor)}`,
      prompt: 'What is to be done with this code? Nothing changes before you accept it.',
      placeHolder: 'add type hints',
      value: this.last,
    })
    if (!instruction?.trim()) return
    this.last = instruction
    await vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title: `CodeFuse: ${short(instruction)}`, cancellable: true },
      (_, token) => this.propose(editor, instruction, token),
    )
  }

  private async propose(
    editor: vscode.TextEditor,
    instruction: string,
    token: vscode.CancellationToken,
  ): Promise<void> {
    const { document, selection } = editor
    const range = { start: position(selection.start), end: position(selection.end) }
    const params = { textDocument: { uri: document.uri.toString(), version: document.version }, range, instruction }
    const proposal = new Proposal(document.uri, document.getText(), short(instruction))
    const growing = new Growing(document, selection, proposal, this.previews)
    const stop = new vscode.CancellationTokenSource()
    const stopping = token.onCancellationRequested(() => stop.cancel())
    proposal.abandoned = () => stop.cancel() // what nobody looks at need not be written
    try {
      const edit = await this.session.stream<Edit>(Method.edit, params, (text) => growing.take(text), stop.token)
      await growing.shown
      this.settle(proposal, edit)
      if (growing.shown && !this.previews.isShown(proposal)) proposal.decision?.discard()
      else if (!edit.hunks.length) {
        await this.previews.close(proposal)
        void vscode.window.showInformationMessage(edit.note || 'The code stays as it is.')
      } else if (growing.shown) this.previews.refresh(proposal)
      else await this.previews.show(proposal)
    } catch (error) {
      await growing.shown?.catch(() => undefined)
      await this.previews.close(proposal)
      if (!stop.token.isCancellationRequested) throw error
    } finally {
      stopping.dispose()
      stop.dispose()
    }
  }

  private settle(proposal: Proposal, { editId, hunks, note }: Edit): void {
    const wanted = (chosen: readonly { id?: string }[]) => chosen.map(({ id }) => id)
    proposal.settle(
      hunks,
      {
        accept: async (chosen) => {
          const params = chosen.length === hunks.length ? { editId } : { editId, hunks: wanted(chosen) }
          const { edit } = await this.session.request<{ edit: object }>(Method.acceptEdit, params)
          return this.session.converters.protocol2CodeConverter.asWorkspaceEdit(edit)
        },
        discard: () => void this.session.request(Method.discardEdit, { editId }).catch(() => undefined),
      },
      note ?? '',
    )
  }
}

/** The rewrite while it is written, shown in place of the lines that were selected. */
class Growing {
  shown: Promise<void> | undefined
  private text = ''
  private readonly before: string
  private readonly behind: string

  constructor(
    document: vscode.TextDocument,
    selection: vscode.Selection,
    private readonly proposal: Proposal,
    private readonly previews: Previews,
  ) {
    const text = document.getText()
    const last =
      selection.end.character === 0 && selection.end.line > selection.start.line
        ? selection.end.line - 1
        : selection.end.line
    this.before = text.slice(0, document.offsetAt(new vscode.Position(selection.start.line, 0)))
    this.behind = text.slice(document.offsetAt(document.lineAt(last).range.end))
  }

  take(text: string): void {
    this.text += text
    this.proposal.growing = this.before + this.text + this.behind
    if (this.shown) return this.previews.refresh(this.proposal)
    this.shown = this.previews.show(this.proposal)
    this.shown.catch(() => undefined) // told when the answer is whole
  }
}

function position({ line, character }: vscode.Position) {
  return { line, character }
}

function placeOf({ document, selection }: vscode.TextEditor): string {
  const file = document.uri.path.split('/').pop()
  const lines = selection.isSingleLine
    ? `line ${selection.start.line + 1}`
    : `lines ${selection.start.line + 1}-${selection.end.line + 1}`
  return `${file}, ${lines}`
}

function short(text: string): string {
  return text.length > LONGEST_TITLE ? `${text.slice(0, LONGEST_TITLE).trimEnd()}…` : text
}
