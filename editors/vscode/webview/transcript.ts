// What was said: questions, answers, and what can be done with each.
import type { Running, ToView } from '../src/chat/messages'
import type { Reference, Turn } from '../src/protocol'
import { chipElement } from './chips'
import { codicon, element, iconButton } from './elements'
import { tell } from './host'
import { markdownElement, StreamingMarkdown } from './streaming'

const NEAR_PX = 48 // of the end: the view then follows what is written
const SAID_MS = 1_500

/** What is said of an answer that has not come to its end by itself. */
const ENDS: Record<string, string> = {
  length: 'Cut: the answer may be no longer.',
  cancelled: 'Stopped.',
  error: 'The model failed before the end.',
  interrupted: 'The language server ended before the answer did.',
  running: 'Another window is having this written.',
}

export class Transcript {
  readonly element = element('div', { class: 'transcript', role: 'log', 'aria-label': 'Conversation', tabindex: '-1' })
  private readonly welcome: HTMLElement
  private answer: { turn: HTMLElement; markdown: StreamingMarkdown } | undefined
  private question: HTMLElement | undefined

  constructor(
    welcome: HTMLElement,
    private readonly announce: (word: string) => void,
  ) {
    this.welcome = welcome
    this.element.addEventListener('click', (event) => follow(event))
  }

  /** Show a conversation: its end, or the turn `at`. */
  showAll({ turns, earlier, running, at }: ToView & { type: 'conversation' }): void {
    this.answer = undefined
    this.element.replaceChildren(...(turns.length || running ? turns.map((turn) => this.turn(turn)) : [this.welcome]))
    if (earlier) this.element.prepend(earlierButton(earlier))
    if (running) this.begin(running)
    const stays = at && this.element.querySelector(`[data-turn="${CSS.escape(at)}"]`)
    if (!stays) return this.toEnd(true)
    this.follows = false
    stays.scrollIntoView({ block: 'start' })
  }

  /** Show a question, and an answer that is being written. */
  begin({ question, references, text }: Running): void {
    this.welcome.remove()
    this.question = this.human({ turnId: '', role: 'human', text: question, references })
    const turn = element('article', {
      class: 'turn bot writing',
      'aria-label': 'Answer',
      'aria-busy': 'true',
      tabindex: '-1',
    })
    const markdown = new StreamingMarkdown(() => this.toEnd())
    turn.append(head('bot'), markdown.element, element('div', { class: 'waiting', 'aria-hidden': 'true' }, '', ''))
    this.answer = { turn, markdown }
    this.element.append(this.question, turn)
    if (text) this.delta(text)
    this.announce('The answer is being written.')
    this.toEnd(true)
  }

  delta(text: string): void {
    this.answer?.turn.classList.add('begun')
    this.answer?.markdown.push(text)
  }

  /** The answer is whole. */
  end({ turn, question, notes }: ToView & { type: 'end' }): void {
    const follows = this.isNearEnd()
    this.question?.replaceWith(this.turn(question))
    const answer = this.answer
    this.answer = undefined
    if (!answer) return
    answer.markdown.end()
    answer.turn.classList.remove('writing')
    answer.turn.removeAttribute('aria-busy')
    answer.turn.dataset['turn'] = turn.turnId
    answer.turn.append(...notes.map(noteElement), ...this.endOf(turn))
    this.announce(`The answer is there: ${turn.text.split(/\s+/).length} words.`)
    this.toEnd(follows)
  }

  /** There is no answer, or none to the end; with a turn, it can be asked for again. */
  failed({ message, turn }: ToView & { type: 'failed' }): void {
    const answer = this.answer
    this.answer = undefined
    answer?.markdown.end()
    answer?.turn.classList.remove('writing')
    answer?.turn.removeAttribute('aria-busy')
    const error = element('p', { class: 'error', role: 'alert' }, codicon('warning'), message)
    if (answer) answer.turn.append(error, ...(turn ? this.endOf(turn) : []))
    else this.element.append(error)
    this.toEnd()
  }

  private turn(turn: Turn): HTMLElement {
    return turn.role === 'human' ? this.human(turn) : this.bot(turn)
  }

  private human(turn: Turn): HTMLElement {
    const made = element('article', { class: 'turn human', 'aria-label': 'Your question', tabindex: '-1' })
    made.dataset['turn'] = turn.turnId
    const text = element('div', { class: 'text' }, turn.text)
    const chips = chipRow(turn.references ?? [])
    const edit = iconButton('edit', 'Ask something else here', () => this.edit(made, turn))
    made.append(head('human', turn.turnId ? this.tools(turn, edit) : undefined), text, ...(chips ? [chips] : []))
    return made
  }

  private bot(turn: Turn): HTMLElement {
    const made = element('article', { class: 'turn bot', 'aria-label': 'Answer', tabindex: '-1' })
    made.dataset['turn'] = turn.turnId
    made.append(head('bot'), markdownElement(turn.text), ...this.endOf(turn))
    return made
  }

  /** What stands below an answer. */
  private endOf(turn: Turn): HTMLElement[] {
    const copy = iconButton('copy', 'Copy the answer', () => {
      tell({ type: 'copy', text: turn.text })
      copy.replaceChildren(codicon('check'))
      setTimeout(() => copy.replaceChildren(codicon('copy')), SAID_MS)
    })
    const again = iconButton('refresh', 'Answer again', () => tell({ type: 'regenerate', turnId: turn.turnId }))
    const foot = element('div', { class: 'foot' }, this.tools(turn, copy, again))
    const word = ENDS[turn.finishReason ?? '']
    return [...(word ? [noteElement(word)] : []), foot]
  }

  private tools(turn: Turn, ...buttons: HTMLElement[]): HTMLElement {
    const tools = element('span', { class: 'tools', role: 'toolbar', 'aria-label': 'Message' }, ...buttons)
    const siblings = turn.siblings ?? []
    if (siblings.length > 1) tools.prepend(branches(turn.turnId, siblings))
    return tools
  }

  /** Let a question be said otherwise, in its place. */
  private edit(made: HTMLElement, turn: Turn): void {
    const input = element('textarea', { 'aria-label': 'The question, said otherwise', rows: '3' })
    input.value = turn.text
    const done = () => made.replaceWith(this.human(turn))
    const send = () => {
      if (input.value.trim())
        tell({ type: 'edit', turnId: turn.turnId, text: input.value, references: turn.references ?? [] })
    }
    input.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') {
        event.stopPropagation()
        return done()
      }
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
      event.preventDefault()
      send()
    })
    const buttons = element(
      'div',
      { class: 'actions' },
      element('button', { class: 'primary', type: 'button', click: send }, 'Ask'),
      element('button', { class: 'secondary', type: 'button', click: done }, 'Cancel'),
    )
    made.replaceChildren(head('human'), input, buttons)
    input.focus()
    input.style.height = `${Math.min(input.scrollHeight + 2, 240)}px`
  }

  /** Go to the message before or behind the one that has the focus; return whether there is one. */
  step(by: 1 | -1): boolean {
    const turns = [...this.element.querySelectorAll<HTMLElement>('.turn')]
    const at = turns.findIndex((turn) => turn.contains(document.activeElement))
    const next = at < 0 && by > 0 ? undefined : turns[(at < 0 ? turns.length : at) + by]
    next?.focus()
    return next !== undefined
  }

  private isNearEnd(): boolean {
    const { scrollHeight, scrollTop, clientHeight } = this.element
    return scrollHeight - scrollTop - clientHeight < NEAR_PX
  }

  private follows = true

  /** Keep the end in sight, unless the reader has gone elsewhere. */
  private toEnd(always = false): void {
    if (always) this.follows = true
    if (this.follows) this.element.scrollTop = this.element.scrollHeight
  }

  /** The reader has scrolled. */
  scrolled(): void {
    this.follows = this.isNearEnd()
  }
}

function head(role: 'human' | 'bot', tools?: HTMLElement): HTMLElement {
  const [icon, name] = role === 'human' ? ['account', 'You'] : ['sparkle', 'CodeFuse']
  return element('div', { class: 'who' }, codicon(icon as string), element('span', {}, name as string), tools)
}

function branches(turnId: string, siblings: string[]): HTMLElement {
  const at = siblings.indexOf(turnId)
  const go = (to: number) => () => {
    const sibling = siblings[to]
    if (sibling) tell({ type: 'branch', turnId: sibling })
  }
  const back = iconButton('chevron-left', 'The one before', go(at - 1))
  const on = iconButton('chevron-right', 'The next one', go(at + 1))
  back.disabled = at <= 0
  on.disabled = at === siblings.length - 1
  return element('span', { class: 'branches' }, back, element('span', {}, `${at + 1}/${siblings.length}`), on)
}

function earlierButton(count: number): HTMLElement {
  const show = () => tell({ type: 'earlier' })
  return element(
    'button',
    { type: 'button', class: 'secondary earlier', click: show },
    `Show ${count} earlier messages`,
  )
}

function chipRow(references: Reference[]): HTMLElement | undefined {
  if (!references.length) return undefined
  return element('div', { class: 'chips' }, ...references.map((reference) => chipElement(reference)))
}

function noteElement(word: string): HTMLElement {
  return element('p', { class: 'note' }, codicon('info'), word)
}

/** Links are the extension's to open. */
function follow(event: Event): void {
  const link = event.target instanceof Element ? event.target.closest('a') : null
  if (!link) return
  event.preventDefault()
  tell({ type: 'openLink', href: link.getAttribute('href') ?? '' })
}
