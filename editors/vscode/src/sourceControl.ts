// A message for the commit that is being made, written into the box of the source control view.
import * as vscode from 'vscode'

import { Method } from './protocol'
import type { Session } from './server/session'

/** The part of the Git extension's interface that is used here. */
interface GitExtension {
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

/** Write a message for what is staged; `source` is what the button of a repository hands over. */
export async function writeCommitMessage(session: Session, source: unknown): Promise<void> {
  const repository = await repositoryOf((source as { rootUri?: vscode.Uri } | undefined)?.rootUri)
  if (!repository) {
    void vscode.window.showInformationMessage('No Git repository is open here.')
    return
  }
  const before = repository.inputBox.value
  const uri = repository.rootUri.toString()
  const written = await vscode.window.withProgress({ location: vscode.ProgressLocation.SourceControl }, async () => {
    let text = ''
    const take = (piece: string) => {
      text += piece
      repository.inputBox.value = text
    }
    try {
      return await session.stream<Written>(Method.commitMessage, { uri }, take)
    } catch (error) {
      repository.inputBox.value = before
      throw error
    }
  })
  repository.inputBox.value = written.message
  if (written.leftOut?.length) void vscode.window.showInformationMessage(written.leftOut.join(' '))
}

async function repositoryOf(root: vscode.Uri | undefined): Promise<Repository | undefined> {
  const git = vscode.extensions.getExtension<GitExtension>('vscode.git')
  const repositories = git ? (await git.activate()).getAPI(1).repositories : []
  if (root) return repositories.find(({ rootUri }) => rootUri.toString() === root.toString())
  const file = vscode.window.activeTextEditor?.document.uri.path ?? ''
  const inner = repositories.filter(({ rootUri }) => file.startsWith(`${rootUri.path}/`))
  return inner.sort((one, other) => other.rootUri.path.length - one.rootUri.path.length)[0] ?? repositories[0]
}
