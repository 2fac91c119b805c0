// The question that is being written: its text, what it is about, and the button that sends it or stops the answer.
import type { Chip } from '../src/chat/messages'
import type { CompletionItem, Reference } from '../src/protocol'
import { chipElement, chipOf } from './chips'
import { codicon, element, iconButton } from './elements'
import { remember, remembered, tell } from './host'
import { Suggestions } from './suggestions'

const HIGHEST_PX = 240

export class Composer {
  readonly element: HTMLElement
  private readonly input = element('textarea', {
    id: 'question',
    rows: '1',
    placeholder: 'Ask, or type / or @',
    'aria-label': 'Question',
    role: 'combobox',
    'aria-expanded': 'false',
    'aria-controls': 'suggestions',
    'aria-autocomplete': 'list',
    spellcheck: 'false',
  })
  private readonly chips = element('div', { class: 'chips' })
  private readonly send = iconButton('send', 'Ask (Enter)', () => this.sendOrStop())
  private readonly suggestions: Suggestions
  private chosen: Chip[] = []
  private selection: Chip | undefined
  private asked = 0 // completions
  private running = false

  constructor() {
    this.suggestions = new Suggestions(this.input, (item) => this.complete(item))
    const add = iconButton('add', 'Add a file', () => tell({ type: 'pickFile' }))
    const foot = element(
      'div',
      { class: 'bar' },
      add,
      element('span', { class: 'hint' }, 'Shift+Enter: new line'),
      this.send,
    )
    const box = element('div', { class: 'box' }, this.chips, this.input, foot)
    this.element = element(
      'form',
      { class: 'composer', role: 'search', 'aria-label': 'Ask CodeFuse' },
      this.suggestions.element,
      box,
    )
    this.element.addEventListener('submit', (event) => event.preventDefault())
    this.input.addEventListener('keydown', (event) => this.keyed(event))
    this.input.addEventListener('input', () => this.edited())
    this.input.addEventListener('blur', () => this.suggestions.close())
    box.addEventListener('click', (event) => event.target === box && this.focus())
    this.input.value = remembered().draft ?? ''
    this.showChips()
  }

  focus(): void {
    this.input.focus()
  }

  /** Put a text in, as if it had been typed. */
  put(text: string): void {
    this.input.value = text
    this.focus()
    this.edited()
  }

  /** Give back a question that was not answered, unless another one is being written by now. */
  giveBack(text: string, references: Reference[]): void {
    if (this.input.value.trim() || this.chosen.length) return
    this.chosen = references.map(chipOf)
    this.showChips()
    this.input.value = text
    this.edited()
    if (document.hasFocus()) this.focus()
  }

  /** Stop the answer that is being written, if there is one. */
  stop(): void {
    if (this.running) tell({ type: 'stop' })
  }

  add(chip: Chip): void {
    const same = JSON.stringify(chip.reference)
    if (!this.chosen.some(({ reference }) => JSON.stringify(reference) === same)) this.chosen.push(chip)
    this.showChips()
    this.focus()
  }

  /** What is selected in the editor can be added by one press. */
  offer(selection: Chip | undefined): void {
    this.selection = selection
    this.showChips()
  }

  /** Whether an answer is being written. */
  set isRunning(running: boolean) {
    this.running = running
    const [icon, label] = running ? ['debug-stop', 'Stop (Escape)'] : ['send', 'Ask (Enter)']
    this.send.replaceChildren(codicon(icon as string))
    this.send.title = label as string
    this.send.setAttribute('aria-label', label as string)
  }

  take(id: number, items: CompletionItem[]): void {
    if (id === this.asked) this.suggestions.show(items)
  }

  private keyed(event: KeyboardEvent): void {
    if (event.isComposing || this.suggestions.takesKey(event)) return
    if (event.key !== 'Enter' || event.shiftKey) return
    event.preventDefault()
    if (!this.running) this.ask()
  }

  private sendOrStop(): void {
    if (this.running) this.stop()
    else this.ask()
  }

  private ask(): void {
    const text = this.input.value.trim()
    if (!text) return
    tell({ type: 'ask', text, references: this.chosen.map(({ reference }) => reference) })
    this.input.value = ''
    this.chosen = []
    this.showChips()
    this.edited()
  }

  private edited(): void {
    const { input } = this
    input.style.height = 'auto'
    input.style.height = `${Math.min(input.scrollHeight, HIGHEST_PX)}px`
    remember({ draft: input.value })
    const before = input.value.slice(0, input.selectionStart)
    if (/^\/\S*$|(^|\s)@\S*$/.test(before))
      tell({ type: 'complete', id: ++this.asked, text: input.value, offset: before.length })
    else {
      this.asked++
      this.suggestions.close()
    }
  }

  private complete(item: CompletionItem): void {
    const { input } = this
    input.setRangeText(item.insertText, item.start, item.end, 'end')
    if (item.reference)
      this.add({
        label: item.label.replace(/^@/, ''),
        detail: item.detail ?? '',
        kind: item.kind,
        reference: item.reference,
      })
    this.suggestions.close()
    this.edited()
  }

  private showChips(): void {
    const chips = this.chosen.map((chip) => chipElement(chip.reference, chip, () => this.remove(chip)))
    const offered = this.selection
    const isNew = offered && !this.chosen.some(({ reference }) => isSame(reference, offered.reference))
    this.chips.replaceChildren(...chips, ...(isNew ? [this.offerElement(offered)] : []))
    this.chips.hidden = !this.chips.childElementCount
  }

  private offerElement(chip: Chip): HTMLElement {
    const label = `Add the selection, ${chip.label}`
    const add = () => this.add(chip)
    return element(
      'button',
      { type: 'button', class: 'chip offered', title: label, 'aria-label': label, click: add },
      codicon('add'),
      chip.label,
    )
  }

  private remove(chip: Chip): void {
    this.chosen = this.chosen.filter((one) => one !== chip)
    this.showChips()
    this.focus()
  }
}

function isSame(one: Reference, other: Reference): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
