// The item in the status bar: how the server and the model are, and a menu of what can be done about it.
import { basename } from 'node:path'
import * as vscode from 'vscode'

import { Command } from './commands'
import { installers } from './server/finding'
import type { Session } from './server/session'
import { ghostTextIsOn } from './settings'

/** How the item looks. */
interface Face {
  icon: string
  text: string
  word: string
  colour?: string
}

const WARNING = 'statusBarItem.warningBackground'
const ERROR = 'statusBarItem.errorBackground'

export class StatusItem implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem('codefuse.status', vscode.StatusBarAlignment.Right, 100)
  private readonly listening: vscode.Disposable

  constructor(private readonly session: Session) {
    this.item.name = 'CodeFuse'
    this.item.command = Command.menu
    this.listening = vscode.Disposable.from(
      session.onChange(() => this.show()),
      vscode.window.onDidChangeActiveTextEditor(() => this.show()),
      vscode.workspace.onDidChangeConfiguration((event) => event.affectsConfiguration('codefuse') && this.show()),
    )
    this.show()
    this.item.show()
  }

  dispose(): void {
    this.listening.dispose()
    this.item.dispose()
  }

  private show(): void {
    const face = faceOf(this.session)
    this.item.text = `$(${face.icon}) ${face.text}`
    this.item.backgroundColor = face.colour ? new vscode.ThemeColor(face.colour) : undefined
    this.item.tooltip = tooltip(this.session, face)
    this.item.accessibilityInformation = { label: `CodeFuse: ${face.word}`, role: 'button' }
  }
}

function faceOf(session: Session): Face {
  switch (session.phase) {
    case 'starting':
    case 'waiting':
      return { icon: 'loading~spin', text: 'CodeFuse', word: session.word }
    case 'absent':
      return { icon: 'cloud-download', text: 'CodeFuse: install', word: session.word, colour: WARNING }
    case 'failed':
      return { icon: 'error', text: 'CodeFuse', word: session.word, colour: ERROR }
    case 'stopped':
      return { icon: 'circle-slash', text: 'CodeFuse', word: session.word }
    case 'running':
      return faceOfModel(session)
  }
}

function faceOfModel({ status }: Session): Face {
  if (status === undefined || status.state === 'starting' || status.state === 'loading') {
    const part = status?.progress ? ` ${Math.round(100 * status.progress)} %` : ''
    return { icon: 'loading~spin', text: `CodeFuse${part}`, word: status?.message ?? 'The model is asked for.' }
  }
  if (status.state === 'failed') return { icon: 'warning', text: 'CodeFuse', word: status.message, colour: WARNING }
  if (status.state === 'stopped') return { icon: 'debug-pause', text: 'CodeFuse', word: status.message }
  const ahead = status.queuePosition ?? 0
  const queue = ahead > 0 ? `: ${ahead} ahead` : ''
  const language = vscode.window.activeTextEditor?.document.languageId
  if (!ghostTextIsOn(language))
    return { icon: 'circle-slash', text: `CodeFuse${queue}`, word: 'Ghost text is off here.' }
  const icon = status.busy ? 'loading~spin' : 'sparkle'
  return { icon, text: `CodeFuse${queue}`, word: status.message || 'The model is ready.' }
}

function tooltip(session: Session, face: Face): vscode.MarkdownString {
  const text = new vscode.MarkdownString('', true)
  text.appendMarkdown('**CodeFuse**\n\n').appendText(face.word)
  const rows = [
    ['Model', session.status?.model && basename(session.status.model)],
    ['Device', session.status?.device],
    ['State', session.phase === 'running' ? session.status?.state : session.phase],
    ['Waiting before you', session.status?.queuePosition ? String(session.status.queuePosition) : undefined],
  ].filter((row): row is [string, string] => Boolean(row[1]))
  text.appendMarkdown('\n\n| | |\n|---|---|\n')
  for (const [name, value] of rows) text.appendMarkdown(`| ${name} | ${escaped(value)} |\n`)
  return text
}

function escaped(value: string): string {
  return value.replace(/[\\`*_{}[\]()#+\-.!|<>~$&]/g, '\\$&').replace(/\s+/g, ' ')
}

type Entry = vscode.QuickPickItem & { run?: () => unknown }

/** Show what can be done. */
export async function showMenu(session: Session): Promise<void> {
  const face = faceOf(session)
  const entries = [...(await mending(session)), ...ghostTextEntries(), ...otherEntries()]
  const picked = await vscode.window.showQuickPick<Entry>(entries, {
    title: `CodeFuse: ${face.word}`,
    placeHolder: session.status?.model
      ? `${basename(session.status.model)} on ${session.status.device}`
      : session.program,
  })
  await picked?.run?.()
}

/** What would put right what is not. */
async function mending(session: Session): Promise<Entry[]> {
  const entries: Entry[] = []
  if (session.phase === 'absent') entries.push(...(await installEntries()))
  const command = session.status?.command
  if (command) entries.push({ label: `$(terminal) Run ${command}`, run: () => type(command, session.program) })
  const label =
    session.phase === 'running'
      ? '$(debug-restart) Restart the language server'
      : '$(debug-start) Start the language server'
  const restart: Entry = { label, run: () => vscode.commands.executeCommand(Command.restart) }
  return session.phase === 'running' && !command ? [] : [...entries, restart, separator('')]
}

async function installEntries(): Promise<Entry[]> {
  const lines = await installers()
  const entries: Entry[] = lines.map((line) => ({ label: `$(cloud-download) ${line}`, run: () => type(line) }))
  const choose = () => vscode.commands.executeCommand('workbench.action.openSettings', 'codefuse.server.path')
  return [...entries, { label: '$(folder-opened) Tell where it is…', run: choose }]
}

function ghostTextEntries(): Entry[] {
  const language = vscode.window.activeTextEditor?.document.languageId
  const on = ghostTextIsOn()
  const everywhere: Entry = {
    label: on ? '$(circle-slash) Turn ghost text off' : '$(check) Turn ghost text on',
    run: () => vscode.commands.executeCommand(Command.toggle),
  }
  const here: Entry = {
    label: ghostTextIsOn(language)
      ? `$(circle-slash) Turn ghost text off in ${language}`
      : `$(check) Turn ghost text on in ${language}`,
    run: () => vscode.commands.executeCommand(Command.toggleLanguage),
  }
  const why: Entry = { label: '$(question) Why no suggestion?', run: () => vscode.commands.executeCommand(Command.why) }
  return [separator('Ghost text'), ...(language && on ? [here] : []), everywhere, why]
}

function otherEntries(): Entry[] {
  const entry = (label: string, command: string, ...args: unknown[]): Entry => ({
    label,
    run: () => vscode.commands.executeCommand(command, ...args),
  })
  return [
    separator('CodeFuse'),
    entry('$(comment-discussion) Open chat', Command.openChat),
    entry('$(settings-gear) Settings', 'workbench.action.openSettings', '@ext:codefuse.codefuse'),
    entry('$(output) Log', Command.showLog),
    entry('$(debug-restart) Restart the language server', Command.restart),
    entry('$(mortar-board) First steps', 'workbench.action.openWalkthrough', 'codefuse.codefuse#start', false),
  ]
}

function separator(label: string): Entry {
  return { label, kind: vscode.QuickPickItemKind.Separator }
}

/** Put a command line into a terminal; whether it runs is the user's to say. */
function type(line: string, program?: string): void {
  const terminal = vscode.window.createTerminal({ name: 'CodeFuse' })
  terminal.show()
  terminal.sendText(program ? line.replace(/^codefuse-lsp(?= )/, `"${program}"`) : line, false)
}

/** Say once that the server is absent, with the ways to get it. */
export async function offerInstallation(session: Session): Promise<void> {
  const lines = await installers()
  const choose = 'Choose the program…'
  const picked = await vscode.window.showWarningMessage(
    `${session.word} Install it, or tell where it is.`,
    ...lines.map((line) => `Install with ${line.split(' ')[0]}`),
    choose,
  )
  if (picked === choose) return chooseProgram()
  const line = lines.find((one) => picked === `Install with ${one.split(' ')[0]}`)
  if (line) type(line)
}

async function chooseProgram(): Promise<void> {
  const [file] = (await vscode.window.showOpenDialog({ title: 'Where is codefuse-lsp?', openLabel: 'Use it' })) ?? []
  const configuration = vscode.workspace.getConfiguration('codefuse')
  if (file) await configuration.update('server.path', file.fsPath, vscode.ConfigurationTarget.Global)
}
