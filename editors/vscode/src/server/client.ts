// The language client that talks to one run of the server. It is a bundle of its own, which is loaded when it is needed.
import { homedir } from 'node:os'
import type * as vscode from 'vscode'
import {
  CloseAction,
  type Disposable,
  ErrorAction,
  LanguageClient,
  type Middleware,
  ProgressType,
  RevealOutputChannelOn,
} from 'vscode-languageclient/node'

import { type Delta, Method, type Status } from '../protocol'

const DOCUMENTS = [{ scheme: 'file' }, { scheme: 'untitled' }, { scheme: 'vscode-notebook-cell' }]

export interface Run {
  command: string
  environment: Record<string, string>
  /** initializationOptions */
  options: { trusted: boolean; settings: Record<string, unknown> }
  log: vscode.LogOutputChannel
  middleware: Middleware
  /** The connection is gone. */
  ended: () => void
  status: (status: Status) => void
}

/** The client, without its own messages about failures: the status bar and the session tell of them, once. */
class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false)
  }
}

export function newClient(run: Run): LanguageClient {
  const env = { ...process.env, ...run.environment }
  const executable = { command: run.command, args: [], options: { cwd: homedir(), env } } // not the workspace's folder
  const client = new QuietClient('codefuse', 'CodeFuse', executable, {
    documentSelector: DOCUMENTS,
    outputChannel: run.log,
    revealOutputChannelOn: RevealOutputChannelOn.Never, // errors are told in a sentence, see extension.ts
    initializationOptions: run.options,
    middleware: run.middleware,
    initializationFailedHandler: () => false,
    errorHandler: {
      error: () => ({ action: ErrorAction.Continue, handled: true }),
      closed: () => {
        run.ended()
        return { action: CloseAction.DoNotRestart, handled: true }
      },
    },
  })
  client.registerFeature({
    fillClientCapabilities: (capabilities) => {
      capabilities.experimental = { ...(capabilities.experimental as object | undefined), codefuse: true }
    },
    initialize: () => undefined,
    getState: () => ({ kind: 'static' }),
    clear: () => undefined,
  })
  client.onNotification(Method.status, run.status)
  return client
}

/** Listen to what is said of an answer while it is written. */
export function onDelta(client: LanguageClient, token: string, listener: (text: string) => void): Disposable {
  return client.onProgress(new ProgressType<Delta>(), token, ({ text }) => listener(text))
}
