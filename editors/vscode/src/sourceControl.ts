// A message for the commit that is being made, written into the box of the source control view.
import * as vscode from 'vscode'

import { Method } from './protocol'
import type { Session } from './server/session'

const CONTEXT = 'codefuse.writingCommitMessage'

/** The part of the Git extension's interface that is used here. */
interface GitExtension {
  enabled: boolean
  getAPI(version: 1): { repositories: Repository[] }
}

interface Repository {
  rootUri: vscode.Uri
  inputBox: { value: string }
}

interface Written {
  message: string
  leftOut?: string[]
}

/** Writes one message at a time, and can be stopped. */
export class CommitMessages {
  private writing: vscode.CancellationTokenSource | undefined

  constructor(private readonly session: Session) {}

  /** Write a message for what is staged; `source` is what the button of a repository hands over. */
  async write(source: unknown): Promise<void> {
    if (this.writing) return
    const stop = new vscode.CancellationTokenSource()
    this.take(stop)
    try {
      const root = (source as { rootUri?: vscode.Uri } | undefined)?.rootUri
      const repository = await repositoryOf(root)
      if (!repository) {
        void vscode.window.showInformationMessage('No Git repository is open here.')
        return
      }
      if (!root) await vscode.commands.executeCommand('workbench.view.scm') // where the message is going to stand
      const work = () => this.writeInto(repository, stop)
      await vscode.window.withProgress({ location: vscode.ProgressLocation.SourceControl }, work)
    } finally {
      this.take(undefined)
      stop.dispose()
    }
  }

  /** End the message that is being written; what stood in the box before stands there again. */
  stop(): void {
    this.writing?.cancel()
  }

  private async writeInto(repository: Repository, stop: vscode.CancellationTokenSource): Promise<void> {
    const box = repository.inputBox
    const before = box.value
    let text = ''
    // what was put into the box is told back late, piece by piece; anything else was typed, and is the user's
    const isOurs = () => box.value === before || text.startsWith(box.value)
    const add = (piece: string) => {
      if (!isOurs()) return stop.cancel()
      text += piece
      box.value = text
    }
    const params = { uri: repository.rootUri.toString() }
    try {
      const { message, leftOut } = await this.session.stream<Written>(Method.commitMessage, params, add, stop.token)
      if (isOurs()) box.value = message
      if (leftOut?.length) void vscode.window.showInformationMessage(leftOut.join(' '))
    } catch (error) {
      if (isOurs()) box.value = before
      throw error
    }
  }

  private take(writing: vscode.CancellationTokenSource | undefined): void {
    this.writing = writing
    void vscode.commands.executeCommand('setContext', CONTEXT, writing !== undefined)
  }
}

async function repositoryOf(root: vscode.Uri | undefined): Promise<Repository | undefined> {
  const git = await vscode.extensions.getExtension<GitExtension>('vscode.git')?.activate()
  const repositories = git?.enabled ? git.getAPI(1).repositories : [] // it has none to ask when it is turned off
  if (root) return repositories.find(({ rootUri }) => rootUri.toString() === root.toString())
  const file = vscode.window.activeTextEditor?.document.uri.path ?? ''
  const inner = repositories.filter(({ rootUri }) => file.startsWith(`${rootUri.path}/`))
  return inner.sort((one, other) => other.rootUri.path.length - one.rootUri.path.length)[0] ?? repositories[0]
}
