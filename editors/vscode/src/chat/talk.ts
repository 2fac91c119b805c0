// One conversation with the server: its turns, the answer that is being written, and how it is stopped. Knows no view.
import * as vscode from 'vscode'

import { type ChatResult, type Conversation, type FailedTurn, Method, type Reference, type Turn } from '../protocol'
import { messageOf, type Session } from '../server/session'
import type { Running, ToView } from './messages'

export class Talk {
  id: string | undefined
  title = ''
  private turns: Turn[] = []
  private earlier = 0 // turns that the server has before these
  private running: (Running & { stop: vscode.CancellationTokenSource }) | undefined

  constructor(
    private readonly session: Session,
    private readonly show: (message: ToView) => void,
  ) {}

  get isRunning(): boolean {
    return this.running !== undefined
  }

  /** Show all of it anew. */
  showAll(): void {
    const { title, turns, earlier } = this
    const running = this.running && { ...this.running, stop: undefined }
    this.show({ type: 'conversation', title, turns, earlier, ...(running ? { running } : {}) })
  }

  /** Begin another conversation. */
  begin(): void {
    this.stop()
    this.id = undefined
    this.title = ''
    this.turns = []
    this.earlier = 0
    this.showAll()
  }

  /** Go on with a former one, in the branch that ends at a turn; the newest if none is given. */
  async open(conversationId: string, turnId?: string): Promise<void> {
    this.stop()
    const found = await this.session.request<Conversation>(Method.openConversation, {
      conversationId,
      ...(turnId ? { turnId } : {}),
    })
    this.id = found.conversationId
    this.title = found.title
    this.turns = found.turns
    this.earlier = found.earlier ?? 0
    this.showAll()
  }

  /** Show what was said before the turns that are shown. */
  async showEarlier(): Promise<void> {
    const [first] = this.turns
    if (!this.id || !first) return
    const params = { conversationId: this.id, turnId: this.turns.at(-1)?.turnId, beforeTurnId: first.turnId }
    const found = await this.session.request<Conversation>(Method.openConversation, params)
    this.turns = [...found.turns, ...this.turns]
    this.earlier = found.earlier ?? 0
    this.showAll()
  }

  ask(message: string, references: Reference[]): Promise<void> {
    const params = { message, references, ...(this.id ? { conversationId: this.id } : {}) }
    return this.answer(Method.chat, params, message, references)
  }

  /** Have the question before an answer answered once more. */
  async regenerate(turnId: string): Promise<void> {
    const at = this.turns.findIndex((turn) => turn.turnId === turnId)
    const question = this.turns[at - 1]
    if (!question) return
    this.turns = this.turns.slice(0, at - 1)
    this.showAll()
    const params = { conversationId: this.id, turnId }
    await this.answer(Method.regenerate, params, question.text, question.references ?? [])
    await this.reopen()
  }

  /** Ask something else in place of a question. */
  async edit(turnId: string, message: string, references: Reference[]): Promise<void> {
    const at = this.turns.findIndex((turn) => turn.turnId === turnId)
    if (at < 0) return
    this.turns = this.turns.slice(0, at)
    this.showAll()
    const params = { conversationId: this.id, turnId, message, references }
    await this.answer(Method.editQuestion, params, message, references)
    await this.reopen()
  }

  /** End the answer that is being written; what was said stays. */
  stop(): void {
    this.running?.stop.cancel()
  }

  private async answer(method: string, params: object, question: string, references: Reference[]): Promise<void> {
    this.stop()
    const running = { question, references, text: '', stop: new vscode.CancellationTokenSource() }
    this.running = running
    this.show({ type: 'begin', running: { question, references, text: '' } })
    const take = (text: string) => {
      running.text += text
      if (this.running === running) this.show({ type: 'delta', text })
    }
    try {
      const result = await this.session.stream<ChatResult>(method, params, take, running.stop.token)
      if (this.running === running) this.finish(result, question, references)
    } catch (error) {
      if (this.running === running) this.fail(error, running)
    } finally {
      running.stop.dispose()
      if (this.running === running) this.running = undefined
    }
  }

  private finish(result: ChatResult, text: string, references: Reference[]): void {
    this.id = result.conversationId
    const turn: Turn = {
      turnId: result.turnId,
      role: 'bot',
      text: result.text,
      finishReason: result.finishReason,
      codeBlocks: result.codeBlocks ?? [],
    }
    const question: Turn = {
      turnId: result.questionId ?? `question of ${result.turnId}`,
      role: 'human',
      text,
      references,
    }
    this.turns = [...this.turns, question, turn]
    this.show({ type: 'end', turn, question, notes: result.leftOut ?? [] })
  }

  private fail(error: unknown, { question, references, text }: Running): void {
    const message = error instanceof vscode.CancellationError ? 'Stopped.' : messageOf(error)
    const kept = keptOf(error)
    if (!kept) return this.show({ type: 'failed', message, question: text ? '' : question })
    this.id = kept.conversationId
    const turn: Turn = { turnId: kept.turnId, role: 'bot', text }
    this.turns = [...this.turns, { turnId: kept.questionId, role: 'human', text: question, references }, turn]
    this.show({ type: 'failed', message, question: '', turn })
  }

  /** Learn from the server how the branches are now. */
  private async reopen(): Promise<void> {
    const last = this.turns.at(-1)
    if (this.id && last && !this.isRunning) await this.open(this.id, last.turnId)
  }
}

/** What the server keeps of an answer that failed, which can be asked for again. */
function keptOf(error: unknown): FailedTurn | undefined {
  const data = (error as { data?: Partial<FailedTurn> } | undefined)?.data
  return data?.turnId && data.questionId && data.conversationId ? (data as FailedTurn) : undefined
}
