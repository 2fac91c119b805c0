// One conversation with the server: its turns, the answer that is being written, and how it is stopped. Knows no view.
import * as vscode from 'vscode'

import { type ChatResult, type Conversation, type FailedTurn, Method, type Reference, type Turn } from '../protocol'
import { isCancelled, messageOf, type Session } from '../server/session'
import type { Running, ToView } from './messages'

export class Talk {
  id: string | undefined
  title = ''
  private turns: Turn[] = []
  private earlier = 0 // turns that the server has before these
  private running: (Running & { stop: vscode.CancellationTokenSource }) | undefined
  private place = 0 // counts what was gone to: what comes late, for a former place, is not shown

  constructor(
    private readonly session: Session,
    private readonly show: (message: ToView) => void,
  ) {}

  get isRunning(): boolean {
    return this.running !== undefined
  }

  /** Show all of it anew: its end, or the turn `at`. */
  showAll(at?: string): void {
    const { title, turns, earlier } = this
    const running = this.running && { ...this.running, stop: undefined }
    this.show({ type: 'conversation', title, turns, earlier, ...(running ? { running } : {}), ...(at ? { at } : {}) })
  }

  /** Begin another conversation. */
  begin(): void {
    this.leave()
    this.id = undefined
    this.title = ''
    this.turns = []
    this.earlier = 0
    this.showAll()
  }

  /** Go on with a former one, in the branch that ends at a turn; the newest if none is given. */
  async open(conversationId: string, turnId?: string): Promise<void> {
    const place = this.leave()
    const params = { conversationId, ...(turnId ? { turnId } : {}) }
    const found = await this.session
      .request<Conversation>(Method.openConversation, params)
      .catch((error: unknown) => this.stay(place, error))
    if (place !== this.place) return
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
    if (this.turns[0] !== first) return
    this.turns = [...found.turns, ...this.turns]
    this.earlier = found.earlier ?? 0
    this.showAll(first.turnId)
  }

  async ask(message: string, references: Reference[]): Promise<void> {
    const params = { message, references, ...(this.id ? { conversationId: this.id } : {}) }
    await this.answer(Method.chat, params, message, references)
  }

  /** Have the question before an answer answered once more. */
  async regenerate(turnId: string): Promise<void> {
    const at = this.turns.findIndex((turn) => turn.turnId === turnId)
    const question = this.turns[at - 1]
    if (!question) return
    const params = { conversationId: this.id, turnId }
    await this.branch(at - 1, Method.regenerate, params, question.text, question.references ?? [])
  }

  /** Ask something else in place of a question. */
  async edit(turnId: string, message: string, references: Reference[]): Promise<void> {
    const at = this.turns.findIndex((turn) => turn.turnId === turnId)
    if (at < 0) return
    const params = { conversationId: this.id, turnId, message, references }
    await this.branch(at, Method.editQuestion, params, message, references)
  }

  /** End the answer that is being written; what was said stays. */
  stop(): void {
    this.running?.stop.cancel()
  }

  /** Have the conversation go on otherwise from a turn on; it stays as it was where nothing comes of that. */
  private async branch(from: number, method: string, params: object, question: string, references: Reference[]) {
    const before = this.turns
    this.turns = before.slice(0, from)
    this.showAll()
    if (await this.answer(method, params, question, references, before)) await this.reopen()
  }

  /** Leave what is shown for something else: an answer that is being written is stopped, and shown no more. */
  private leave(): number {
    this.stop()
    this.running = undefined
    return ++this.place
  }

  /** What was to be gone to cannot be shown: show again what there is. */
  private stay(place: number, error: unknown): never {
    if (place === this.place) this.showAll()
    throw error
  }

  /** Ask for an answer; return whether there is one. `before` is what was said if nothing comes of it. */
  private async answer(
    method: string,
    params: object,
    question: string,
    references: Reference[],
    before = this.turns,
  ): Promise<boolean> {
    this.leave()
    const running = { question, references, text: '', stop: new vscode.CancellationTokenSource() }
    this.running = running
    this.show({ type: 'begin', running: { question, references, text: '' } })
    const take = (text: string) => {
      running.text += text
      if (this.running === running) this.show({ type: 'delta', text })
    }
    try {
      const result = await this.session.stream<ChatResult>(method, params, take, running.stop.token)
      if (this.running !== running) return false
      this.running = undefined
      this.finish(result, question, references)
      return true
    } catch (error) {
      if (this.running !== running) return false
      this.running = undefined
      this.fail(error, running, before, method !== Method.regenerate)
      return false
    } finally {
      running.stop.dispose()
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

  private fail(error: unknown, { question, references, text }: Running, before: Turn[], isNew: boolean): void {
    const message = isCancelled(error) ? 'Stopped.' : messageOf(error)
    const kept = keptOf(error)
    if (!kept) {
      if (this.turns !== before) {
        this.turns = before
        this.showAll()
      }
      this.show({ type: 'failed', message, question: isNew && !text ? question : '', references })
      return
    }
    this.id = kept.conversationId
    const turn: Turn = { turnId: kept.turnId, role: 'bot', text }
    this.turns = [...this.turns, { turnId: kept.questionId, role: 'human', text: question, references }, turn]
    this.show({ type: 'failed', message, question: '', references, turn })
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
