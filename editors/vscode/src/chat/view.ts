// The chat in the side bar: the page, what it asks for, and what it is told.
import * as vscode from 'vscode'

import type { Applying } from '../proposals/applying'
import { type CompletionItem, Method } from '../protocol'
import { isCancelled, messageOf, type Session } from '../server/session'
import { exportConversation, pickConversation } from './history'
import type { Chip, FromView, SlashCommand, ToView } from './messages'
import { openLink } from './links'
import { pageOf } from './page'
import { fileChip, isCode, openReference, pickFile, selectionChip } from './references'
import { Talk } from './talk'

export const VIEW = 'codefuse.chat'
const LAST = 'conversation' // the file that names the last one, in the workspace's storage

export class ChatView implements vscode.WebviewViewProvider, vscode.Disposable {
  private view: vscode.WebviewView | undefined
  private readonly talk: Talk
  private editor = codeOf(vscode.window.activeTextEditor) // the last one: while the chat has the focus there is none
  private unsent: ToView[] = [] // for a page that is not there yet
  private loaded = false
  private kept: string | undefined // the conversation that the file names
  private keeping = Promise.resolve()
  private readonly listening: vscode.Disposable

  constructor(
    private readonly session: Session,
    private readonly applying: Applying,
    private readonly context: vscode.ExtensionContext,
  ) {
    this.talk = new Talk(session, (message) => {
      this.say(message)
      this.keep()
    })
    this.listening = vscode.Disposable.from(
      session.onChange(() => this.say({ type: 'status', word: this.statusWord() })),
      vscode.window.onDidChangeActiveTextEditor((editor) => {
        this.editor = codeOf(editor) ?? this.editor
        this.tellSelection()
      }),
      vscode.window.onDidChangeTextEditorSelection(
        ({ textEditor }) => textEditor === this.editor && this.tellSelection(),
      ),
      vscode.window.registerWebviewViewProvider(VIEW, this, { webviewOptions: { retainContextWhenHidden: true } }),
    )
  }

  dispose(): void {
    this.talk.stop()
    this.listening.dispose()
  }

  resolveWebviewView(view: vscode.WebviewView): void {
    const dist = vscode.Uri.joinPath(this.context.extensionUri, 'dist')
    this.view = view
    this.loaded = false
    view.webview.options = { enableScripts: true, localResourceRoots: [dist] }
    view.webview.onDidReceiveMessage((message: FromView) => this.hear(message))
    view.onDidDispose(() => (this.view = undefined))
    view.webview.html = pageOf(view.webview, dist)
  }

  /** Show the chat with the cursor in the question. */
  async focus(): Promise<void> {
    await vscode.commands.executeCommand(`${VIEW}.focus`)
    this.later({ type: 'focus' })
  }

  async newConversation(): Promise<void> {
    this.talk.begin()
    await this.focus()
  }

  async history(): Promise<void> {
    const id = await pickConversation(this.session, (gone) => gone === this.talk.id && this.talk.begin())
    if (!id) return
    await this.talk.open(id)
    await this.focus()
  }

  async exportAll(): Promise<void> {
    if (this.talk.id) await exportConversation(this.session, this.talk.id)
    else void vscode.window.showInformationMessage('Nothing has been said in this conversation.')
  }

  /** Make the selection, or the whole file where nothing is selected, a reference of the next question. */
  async addSelection(): Promise<void> {
    const editor = codeOf(vscode.window.activeTextEditor) ?? this.editor
    if (!editor) return
    await this.add(selectionChip(editor) ?? fileChip(editor.document.uri))
  }

  async addFile(uri?: vscode.Uri): Promise<void> {
    const chip = uri instanceof vscode.Uri ? fileChip(uri) : await pickFile()
    if (chip) await this.add(chip)
  }

  private async add(chip: Chip): Promise<void> {
    await this.focus()
    this.later({ type: 'chip', chip })
  }

  private hear(message: FromView): unknown {
    return this.answer(message).catch((error: unknown) => {
      if (!isCancelled(error)) void vscode.window.showErrorMessage(messageOf(error))
    })
  }

  private async answer(message: FromView): Promise<unknown> {
    switch (message.type) {
      case 'ready':
        return this.begin()
      case 'ask':
        return this.talk.ask(message.text, message.references)
      case 'stop':
        return this.talk.stop()
      case 'regenerate':
        return this.talk.regenerate(message.turnId)
      case 'edit':
        return this.talk.edit(message.turnId, message.text, message.references)
      case 'branch':
        return this.talk.id && this.talk.open(this.talk.id, message.turnId)
      case 'earlier':
        return this.talk.showEarlier()
      case 'complete':
        return this.complete(message)
      case 'copy':
        return vscode.env.clipboard.writeText(message.text)
      case 'insert':
        return this.applying.insert(message.code, this.editor)
      case 'apply':
        return this.applying.apply(message.code, message.language, message.path, this.editor)
      case 'newFile':
        return newFile(message.code, message.language)
      case 'openLink':
        return openLink(message.href)
      case 'openReference':
        return openReference(message.reference)
      case 'pickFile':
        return this.addFile()
    }
  }

  /** The page is there: tell it where the conversation stands, after a reload of the window, too. */
  private async begin(): Promise<void> {
    this.loaded = true
    for (const message of this.unsent.splice(0)) this.say(message)
    this.say({ type: 'status', word: this.statusWord() })
    this.tellSelection()
    if (this.talk.id || this.talk.isRunning) this.talk.showAll()
    else await this.restore()
    const commands = await this.session.request<SlashCommand[]>(Method.chatCommands, null).catch(() => [])
    this.say({ type: 'commands', commands })
  }

  private async restore(): Promise<void> {
    const last = await this.readLast()
    this.kept = last
    if (last) await this.talk.open(last).catch(() => undefined) // it may have been deleted
    if (!this.talk.id && !this.talk.isRunning) this.say({ type: 'conversation', title: '', turns: [], earlier: 0 })
  }

  private async readLast(): Promise<string | undefined> {
    try {
      return new TextDecoder().decode(await vscode.workspace.fs.readFile(this.lastFile)) || undefined
    } catch {
      return undefined // none has been kept
    }
  }

  /**
   * Remember which conversation is open, for when the window is loaded again. In a file: the editor's own memory of a
   * workspace reaches the disk seconds later, and not at all when the window ends before.
   */
  private keep(): void {
    const { id } = this.talk
    if (id === this.kept) return
    this.kept = id
    const { fs } = vscode.workspace
    this.keeping = this.keeping
      .then(() => fs.createDirectory(vscode.Uri.joinPath(this.lastFile, '..')))
      .then(() => fs.writeFile(this.lastFile, new TextEncoder().encode(id ?? '')))
      .catch(() => undefined) // then the next window begins with an empty chat
  }

  private get lastFile(): vscode.Uri {
    return vscode.Uri.joinPath(this.context.storageUri ?? this.context.globalStorageUri, LAST)
  }

  private async complete({ id, text, offset }: FromView & { type: 'complete' }): Promise<void> {
    const editor = this.editor
    const where = editor ? { textDocument: { uri: editor.document.uri.toString() } } : {}
    const range = editor && !editor.selection.isEmpty ? { range: asRange(editor.selection) } : {}
    const params = { text, offset, ...where, ...range }
    const found = await this.session
      .request<{ items: CompletionItem[] }>(Method.chatComplete, params)
      .catch(() => undefined)
    this.say({ type: 'completions', id, items: found?.items ?? [] })
  }

  private tellSelection(): void {
    this.say({ type: 'selection', chip: selectionChip(this.editor) })
  }

  private statusWord(): string {
    const { phase, word, status } = this.session
    if (phase !== 'running') return word
    if (!status || status.state === 'ready') return status?.queuePosition ? `${status.queuePosition} ahead of you` : ''
    return status.message
  }

  private say(message: ToView): void {
    if (this.loaded) void this.view?.webview.postMessage(message)
  }

  /** Say something as soon as there is a page. */
  private later(message: ToView): void {
    if (this.loaded && this.view) this.say(message)
    else this.unsent.push(message)
  }
}

/** An editor, if it shows code: an output channel and a difference are editors, too. */
function codeOf(editor: vscode.TextEditor | undefined): vscode.TextEditor | undefined {
  return editor && isCode(editor.document.uri) ? editor : undefined
}

function asRange({ start, end }: vscode.Selection): object {
  return { start: { line: start.line, character: start.character }, end: { line: end.line, character: end.character } }
}

async function newFile(content: string, named: string): Promise<void> {
  const known = await vscode.languages.getLanguages()
  const language = known.includes(named) ? { language: named } : {}
  await vscode.window.showTextDocument(await vscode.workspace.openTextDocument({ content, ...language }))
}
