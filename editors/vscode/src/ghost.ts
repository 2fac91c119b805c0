// Ghost text: the server's suggestions as they come, and what becomes of them, which the server is told.
// The editor has no finished interface for the latter, so it is read off the changes that follow a suggestion.
import * as vscode from 'vscode'
import type { Middleware } from 'vscode-languageclient/node'

import { Offer } from './offer'
import { Method } from './protocol'
import type { Session } from './server/session'

const RECENT_MS = 15_000 // a place typed at this short a time ago may still want its suggestion

type Provide = NonNullable<Middleware['provideInlineCompletionItems']>

/** A suggestion, and where it stands. */
interface Standing {
  offer: Offer
  uri: string
  shown: boolean
  touched: boolean // some of it was accepted
}

export class GhostText implements vscode.Disposable {
  private standing: Standing | undefined
  private session: Session | undefined
  private typedAt: { uri: string; time: number } | undefined
  private wasReady = false
  private readonly listening = vscode.Disposable.from(
    vscode.workspace.onDidChangeTextDocument((event) => this.documentChanged(event)),
    vscode.window.onDidChangeTextEditorSelection((event) => this.cursorMoved(event)),
  )

  /** Report to a session; it asks the editor for another look when its model has become ready. */
  follow(session: Session): vscode.Disposable {
    this.session = session
    return session.onChange(() => {
      const ready = session.phase === 'running' && session.status?.state === 'ready'
      if (ready && !this.wasReady) this.askAgain()
      this.wasReady = ready
    })
  }

  dispose(): void {
    this.listening.dispose()
  }

  /** Middleware of the client: let the answer through, and remember what it offers. */
  readonly provide: Provide = async (document, position, context, token, next) => {
    const result = await next(document, position, context, token)
    const items = Array.isArray(result) ? result : (result?.items ?? [])
    const [first] = items
    if (first && !token.isCancellationRequested) this.remember(document, position, first)
    return result
  }

  /** Accept a word of what is shown, by the editor's own command. */
  async acceptWord(): Promise<void> {
    await this.acceptPart('acceptNextWord')
  }

  /** Accept a line of what is shown; the editor's own command takes no more than the end of the line before it. */
  async acceptLine(): Promise<void> {
    if (/^\r?\n/.test(this.standing?.offer.rest ?? '')) await this.acceptPart('acceptNextLine')
    await this.acceptPart('acceptNextLine')
  }

  private async acceptPart(command: string): Promise<void> {
    const standing = this.standing
    const before = standing?.offer.acceptedLength ?? 0
    await vscode.commands.executeCommand(`editor.action.inlineSuggest.${command}`)
    const after = standing?.offer.acceptedLength ?? 0
    if (standing && after === before + 1) this.tellPart(standing) // one character at once looks as if it was typed
  }

  private remember(document: vscode.TextDocument, position: vscode.Position, item: vscode.InlineCompletionItem): void {
    const [id] = (item.command?.arguments ?? []) as [string?]
    const text = typeof item.insertText === 'string' ? item.insertText : item.insertText.value
    if (!id || this.standing?.offer.id === id) return
    const start = document.offsetAt(item.range?.start ?? position)
    const standing = { offer: new Offer(id, text, start), uri: document.uri.toString(), shown: false, touched: false }
    this.standing = standing
    const version = document.version
    setTimeout(() => {
      if (this.standing === standing && document.version === version && this.cursorIsAt(document, position)) {
        standing.shown = true
        this.session?.notify(Method.didShow, { id })
      }
    })
  }

  private cursorIsAt(document: vscode.TextDocument, position: vscode.Position): boolean {
    const editor = vscode.window.activeTextEditor
    return editor?.document === document && editor.selection.active.isEqual(position)
  }

  private documentChanged(event: vscode.TextDocumentChangeEvent): void {
    const uri = event.document.uri.toString()
    if (event.contentChanges.length) this.typedAt = { uri, time: Date.now() }
    const standing = this.standing
    if (!standing || standing.uri !== uri || !event.contentChanges.length) return
    const [change, ...more] = event.contentChanges
    if (!change) return
    const { rangeOffset: offset, rangeLength: length, text } = change
    const fate = more.length
      ? closingFate(standing.offer, event.contentChanges)
      : standing.offer.take({ offset, length, text })
    if (fate === 'partly') this.tellPart(standing)
    else if (fate === 'left') this.leave(standing)
    else if (fate === 'accepted') this.standing = undefined // the item's own command tells the server
  }

  private cursorMoved(event: vscode.TextEditorSelectionChangeEvent): void {
    const standing = this.standing
    const document = event.textEditor.document
    if (!standing || standing.uri !== document.uri.toString() || event.kind === undefined) return
    if (event.kind === vscode.TextEditorSelectionChangeKind.Command) return
    const cursor = document.offsetAt(event.textEditor.selection.active)
    const typing = Math.abs(cursor - standing.offer.cursor) <= 1 // the change itself may be told after the move
    if (cursor !== standing.offer.cursor && !typing) this.leave(standing)
  }

  private tellPart(standing: Standing): void {
    standing.touched = true
    const { id, acceptedLength } = standing.offer
    this.session?.notify(Method.didAcceptPart, { id, acceptedLength })
  }

  private leave(standing: Standing): void {
    this.standing = undefined
    if (standing.shown && !standing.touched) this.session?.notify(Method.didReject, { id: standing.offer.id })
  }

  /** A suggestion asked for before the model was ready has come to nothing, and the editor does not ask again. */
  private askAgain(): void {
    const editor = vscode.window.activeTextEditor
    const typed = this.typedAt
    if (!editor || !typed || typed.uri !== editor.document.uri.toString() || Date.now() - typed.time > RECENT_MS) return
    void vscode.commands.executeCommand('editor.action.inlineSuggest.trigger')
  }
}

/** Several changes at once: those of an acceptance that takes brackets behind the cursor with it. */
function closingFate(offer: Offer, changes: readonly vscode.TextDocumentContentChangeEvent[]) {
  const inserted = changes.filter((change) => change.text)
  const [only] = inserted
  if (inserted.length !== 1 || !only) return 'left' as const
  return offer.take({ offset: only.rangeOffset, length: only.rangeLength, text: only.text })
}
