// What the extension consists of, put together. Nothing here waits for the server.
import * as vscode from 'vscode'
import type { Middleware } from 'vscode-languageclient/node'

import { carryOut } from './actions'
import { ChatView } from './chat/view'
import { Command } from './commands'
import { GhostText } from './ghost'
import { suggestNames } from './names'
import { Applying } from './proposals/applying'
import { Editing } from './proposals/editing'
import { Previews } from './proposals/preview'
import { clearReview, review } from './review'
import { isCancelled, isServerGone, messageOf, Session } from './server/session'
import { SECTION, Settings, toggleGhostText, toggleLanguage } from './settings'
import { CommitMessages } from './sourceControl'
import { offerInstallation, showMenu, StatusItem } from './status'
import { showDocument, TextViews } from './views'
import { inspectPrompt, whyNoSuggestion } from './why'

const CHANGES_SETTLE_MS = 400 // settings are often changed several at once

let session: Session | undefined

export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel('CodeFuse', { log: true })
  const settings = new Settings(context.extension.packageJSON)
  const ghost = new GhostText()
  const views = new TextViews()
  const running = (session = new Session(settings, log, middleware(settings, ghost)))
  const previews = new Previews()
  const editing = new Editing(running, previews)
  const messages = new CommitMessages(running)
  const chat = new ChatView(running, new Applying(running, previews), context)
  context.subscriptions.push(log, ghost, views, running, ghost.follow(running), previews, chat, new StatusItem(running))

  const register = (command: string, run: (...args: unknown[]) => unknown) =>
    context.subscriptions.push(vscode.commands.registerCommand(command, told(run)))
  register(Command.menu, () => showMenu(running))
  register(Command.restart, () => running.restart())
  register(Command.showLog, () => log.show())
  register(Command.toggle, toggleGhostText)
  register(Command.toggleLanguage, () => {
    const language = vscode.window.activeTextEditor?.document.languageId
    return language && toggleLanguage(language)
  })
  register(Command.acceptWord, () => ghost.acceptWord())
  register(Command.acceptLine, () => ghost.acceptLine())
  register(Command.why, () => whyNoSuggestion(running, views))
  register(Command.inspectPrompt, () => inspectPrompt(running, views))
  register(Command.explain, () => carryOut(running, 'refactor.codefuse.explain'))
  register(Command.document, () => carryOut(running, 'refactor.codefuse.document'))
  register(Command.simplify, () => carryOut(running, 'refactor.rewrite.codefuse.simplify'))
  register(Command.writeTests, () => carryOut(running, 'refactor.codefuse.tests'))
  register(Command.suggestNames, () => suggestNames(running))
  register(Command.commitMessage, (source) => messages.write(source))
  register(Command.stopCommitMessage, () => messages.stop())
  register(Command.review, () => review(running))
  register(Command.clearReview, () => clearReview(running))
  register(Command.openChat, () => chat.focus())
  register(Command.newChat, () => chat.newConversation())
  register(Command.history, () => chat.history())
  register(Command.exportChat, () => chat.exportAll())
  register(Command.addSelection, () => chat.addSelection())
  register(Command.addFile, (uri) => chat.addFile(uri instanceof vscode.Uri ? uri : undefined))
  register(Command.edit, () => editing.begin())
  register(Command.acceptProposal, () => previews.accept())
  register(Command.acceptHunk, () => previews.accept('hunk at the cursor'))
  register(Command.discardHunk, () => previews.discardHunk())
  register(Command.discardProposal, () => previews.discard())

  restartWhenNeeded(context, running, settings)
  offerInstallationOnce(context, running)
  void running.start()
}

export function deactivate(): Promise<void> | undefined {
  return session?.dispose()
}

/** What is done to the client's traffic on the way. */
function middleware(settings: Settings, ghost: GhostText): Middleware {
  return {
    provideInlineCompletionItems: ghost.provide,
    window: { showDocument },
    workspace: {
      configuration: (params) =>
        params.items.map(({ section }) => (section === SECTION ? settings.ofWorkspace() : null)),
      // the server asks for what it wants to know, and so never hears of a machine's setting
      didChangeConfiguration: (_, next) => next(undefined),
    },
    executeCommand: (command, args, next) => told(next)(command, args),
    resolveCodeAction: (action, token, next) => told(next)(action, token),
  }
}

/** Return a function that shows what goes wrong in one sentence; a cancel is nothing wrong. */
function told<Args extends unknown[], Result>(run: (...args: Args) => Result) {
  return async (...args: Args): Promise<Awaited<Result> | undefined> => {
    try {
      return await run(...args)
    } catch (error) {
      if (!isCancelled(error) && !isServerGone(error)) void vscode.window.showErrorMessage(messageOf(error))
      return undefined
    }
  }
}

function restartWhenNeeded(context: vscode.ExtensionContext, running: Session, settings: Settings): void {
  let settling: NodeJS.Timeout | undefined
  const restart = () => {
    clearTimeout(settling)
    settling = setTimeout(() => void running.restart(), CHANGES_SETTLE_MS)
  }
  context.subscriptions.push(
    vscode.workspace.onDidChangeConfiguration((event) => settings.needsRestart(event) && restart()),
    vscode.workspace.onDidGrantWorkspaceTrust(restart),
    { dispose: () => clearTimeout(settling) },
  )
}

function offerInstallationOnce(context: vscode.ExtensionContext, running: Session): void {
  let offered = false
  const listening = running.onChange(() => {
    if (running.phase !== 'absent' || offered) return
    offered = true
    void offerInstallation(running)
  })
  context.subscriptions.push(listening)
}
