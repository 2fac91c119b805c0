// The server of this window: found, started, asked, and started again when it ends. Knows nothing of what is asked.
import * as vscode from 'vscode'
import type { LanguageClient, Middleware } from 'vscode-languageclient/node'

import { Method, type Status } from '../protocol'
import { SECTION, type Settings } from '../settings'
import { Backoff } from './backoff'
import { findServer, ServerAbsent } from './finding'

/** Of the server, whatever the model does. */
export type Phase = 'starting' | 'running' | 'waiting' | 'absent' | 'failed' | 'stopped'

const METHOD_NOT_FOUND = -32601
const REQUEST_CANCELLED = -32800
const SERVER_GONE = [-32097, -32096] // what was asked of a server that ended, in vscode-jsonrpc
const STOP_MS = 2_000 // for a server that is told to leave
const START_MS = 10_000 // for one that is to be stopped to have started
const LOOK_MS = 5_000 // between two looks for one that is not installed

export class Session implements vscode.Disposable {
  phase: Phase = 'stopped'
  /** What is to be said about the phase. */
  word = ''
  /** How the model is, as the server told last. */
  status: Status | undefined
  /** The program that runs, and where it was found. */
  program = ''

  private readonly changes = new vscode.EventEmitter<void>()
  readonly onChange = this.changes.event

  private readonly backoff = new Backoff()
  private client: LanguageClient | undefined
  private starting: Promise<void> | undefined // of the client, which cannot be stopped while it starts
  private run = 0 // counts starts: what a former server still says is not this one's
  private retry: NodeJS.Timeout | undefined
  private waiting: { resolve: (client: LanguageClient) => void; reject: (reason: Error) => void }[] = []
  private streams = 0

  constructor(
    private readonly settings: Settings,
    private readonly log: vscode.LogOutputChannel,
    private readonly middleware: Middleware,
    private readonly load = loadClient,
  ) {}

  /** Find the server and start it; what goes wrong is a phase, never an exception. */
  async start(): Promise<void> {
    const run = ++this.run
    clearTimeout(this.retry)
    this.enter('starting', 'The language server is starting.')
    try {
      const { command, how } = await findServer()
      if (run !== this.run) return
      this.program = command
      this.log.info(`Starting ${command}, found by ${how}.`)
      const client = await this.newClient(command, run)
      if (run !== this.run) return
      this.client = client
      this.backoff.started(Date.now())
      this.starting = client.start()
      await this.starting
      if (run !== this.run) return
      this.enter('running', '')
      this.answerWaiting(client)
      this.take(await client.sendRequest<Status>(Method.status, null))
    } catch (error) {
      if (run !== this.run) return
      if (!(error instanceof ServerAbsent)) return this.lost(run, messageOf(error))
      this.giveUp('absent', error.message)
      this.lookAgain()
    }
  }

  /** Stop the server that runs and start another, as often as it takes. */
  async restart(): Promise<void> {
    const stopped = this.stop()
    const run = this.run
    await stopped
    if (run !== this.run) return // whoever wished for another start meanwhile has seen to it
    this.backoff.reset()
    await this.start()
  }

  /** Stop the server. */
  async stop(): Promise<void> {
    this.run++
    clearTimeout(this.retry)
    const client = this.client
    this.client = undefined
    this.enter('stopped', 'The language server has been stopped.')
    await Promise.race([this.starting?.catch(() => undefined), new Promise((resolve) => setTimeout(resolve, START_MS))])
    await client?.stop(STOP_MS).catch(() => undefined) // one that does not leave is ended by the client
    await client?.dispose().catch(() => undefined)
  }

  dispose(): Promise<void> {
    return this.stop()
  }

  /** Return what the server answers; waits for one that starts. Raises an error whose message is for the user. */
  async request<Result>(method: string, params: unknown, token?: vscode.CancellationToken): Promise<Result> {
    const client = await this.ready(token)
    try {
      // a token that is not there would be sent as a second parameter
      return await client.sendRequest<Result>(method, params, ...(token ? [token] : []))
    } catch (error) {
      if (codeOf(error) === METHOD_NOT_FOUND)
        throw new Error('This version of codefuse-lsp cannot do that; upgrade it.')
      if (isServerGone(error)) throw new Error('The language server ended before it had answered.')
      throw error
    }
  }

  /** As request, with what is said of the answer while it is written. */
  async stream<Result>(
    method: string,
    params: object,
    onText: (text: string) => void,
    token?: vscode.CancellationToken,
  ): Promise<Result> {
    const client = await this.ready(token)
    const partialResultToken = `codefuse-${++this.streams}`
    const { onDelta } = await this.load()
    const listening = onDelta(client, partialResultToken, onText)
    try {
      return await this.request<Result>(method, { ...params, partialResultToken }, token)
    } finally {
      listening.dispose()
    }
  }

  /** Tell the server something, if there is one. */
  notify(method: string, params: unknown): void {
    if (this.phase === 'running') void this.client?.sendNotification(method, params).catch(() => undefined)
  }

  /** What converts between the editor's values and the protocol's; only while the server runs. */
  get converters(): LanguageClient {
    if (!this.client) throw new Error('The language server is not running.')
    return this.client
  }

  /** Return the client of the server as soon as that can be asked. Raises an error whose message is for the user. */
  ready(token?: vscode.CancellationToken): Promise<LanguageClient> {
    if (this.phase === 'running' && this.client) return Promise.resolve(this.client)
    if (this.phase !== 'starting' && this.phase !== 'waiting') return Promise.reject(new Error(this.word))
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject })
      token?.onCancellationRequested(() => reject(new vscode.CancellationError()))
    })
  }

  private answerWaiting(client: LanguageClient): void {
    for (const { resolve } of this.waiting.splice(0)) resolve(client)
  }

  private async newClient(command: string, run: number): Promise<LanguageClient> {
    const { newClient } = await this.load()
    return newClient({
      command,
      environment: vscode.workspace.getConfiguration(SECTION).get<Record<string, string>>('server.environment') ?? {},
      options: { trusted: vscode.workspace.isTrusted, settings: this.settings.ofMachine() },
      log: this.log,
      middleware: this.middleware,
      ended: () => queueMicrotask(() => this.lost(run, 'The language server has ended.')),
      status: (status) => {
        if (run === this.run) this.take(status)
      },
    })
  }

  private lost(run: number, why: string): void {
    if (run !== this.run) return
    this.run++ // its end may be told twice
    const client = this.client
    this.client = undefined
    void client?.dispose().catch(() => undefined)
    const delay = this.backoff.ended(Date.now())
    this.log.warn(`${why} ${delay === undefined ? 'It is not started again.' : `Starting again in ${delay} ms.`}`)
    if (delay === undefined) {
      this.giveUp('failed', `${why} It ended several times in a row.`)
      return
    }
    this.retry = setTimeout(() => void this.start(), delay)
    this.enter('waiting', `${why} It is started again in ${Math.ceil(delay / 1000)} s.`)
  }

  private giveUp(phase: 'absent' | 'failed', word: string): void {
    for (const { reject } of this.waiting.splice(0)) reject(new Error(word))
    this.enter(phase, word)
  }

  /** It may be installed by now: look for it every now and then. */
  private lookAgain(): void {
    const run = this.run
    this.retry = setTimeout(async () => {
      const isThere = await findServer().then(
        () => true,
        () => false,
      )
      if (run === this.run) void (isThere ? this.start() : this.lookAgain())
    }, LOOK_MS)
  }

  private enter(phase: Phase, word: string): void {
    this.phase = phase
    this.word = word
    if (phase !== 'running') this.status = undefined
    this.changes.fire()
  }

  private take(status: Status): void {
    this.status = status
    this.changes.fire()
  }
}

/** What an error says, for the user. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Whether something ended since the user wished it to, which need not be told. */
export function isCancelled(error: unknown): boolean {
  return error instanceof vscode.CancellationError || codeOf(error) === REQUEST_CANCELLED
}

/** Whether something was not answered since the server has ended, which the status bar tells. */
export function isServerGone(error: unknown): boolean {
  return SERVER_GONE.includes(codeOf(error) ?? 0)
}

/** The number of an error that came over the wire. */
function codeOf(error: unknown): number | undefined {
  return (error as { code?: number } | undefined)?.code
}

/** The client's code is large, and nothing that is shown at first waits for it. */
function loadClient() {
  return import('./client.js')
}
