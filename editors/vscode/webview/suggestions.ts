// What can be typed behind `/` and `@`: a list above the question, steered from the keyboard.
import type { CompletionItem } from '../src/protocol'
import { iconOf } from './chips'
import { codicon, element } from './elements'

export class Suggestions {
  readonly element = element('div', {
    id: 'suggestions',
    class: 'suggestions',
    role: 'listbox',
    'aria-label': 'Suggestions',
    hidden: true,
  })
  private items: CompletionItem[] = []
  private at = 0

  /** `input` is what is typed into; `take` gets the item that is chosen. */
  constructor(
    private readonly input: HTMLTextAreaElement,
    private readonly take: (item: CompletionItem) => void,
  ) {}

  get isOpen(): boolean {
    return !this.element.hidden
  }

  show(items: CompletionItem[]): void {
    this.items = items
    this.at = 0
    this.element.hidden = !items.length
    this.input.setAttribute('aria-expanded', String(this.isOpen))
    this.element.replaceChildren(...items.map((item, index) => this.option(item, index)))
    this.mark()
  }

  close(): void {
    this.show([])
  }

  /** Return whether a key was meant for the list. */
  takesKey(event: KeyboardEvent): boolean {
    if (!this.isOpen) return false
    const count = this.items.length
    const chosen = this.items[this.at]
    if (event.key === 'ArrowDown') this.at = (this.at + 1) % count
    else if (event.key === 'ArrowUp') this.at = (this.at + count - 1) % count
    else if (event.key === 'Escape') this.close()
    else if ((event.key === 'Enter' || event.key === 'Tab') && !event.shiftKey && chosen) this.take(chosen)
    else return false
    event.preventDefault()
    event.stopPropagation()
    this.mark()
    return true
  }

  private option(item: CompletionItem, index: number): HTMLElement {
    const option = element(
      'div',
      { id: `suggestion-${index}`, class: 'suggestion', role: 'option', click: () => this.take(item) },
      codicon(iconOf(item.kind)),
      element('span', { class: 'label' }, item.label),
      element('span', { class: 'detail' }, item.detail ?? ''),
    )
    option.addEventListener('mousedown', (event) => event.preventDefault()) // the cursor stays in the question
    return option
  }

  private mark(): void {
    if (this.isOpen) this.input.setAttribute('aria-activedescendant', `suggestion-${this.at}`)
    else this.input.removeAttribute('aria-activedescendant')
    for (const [index, option] of [...this.element.children].entries()) {
      option.setAttribute('aria-selected', String(index === this.at))
      if (index === this.at) option.scrollIntoView({ block: 'nearest' })
    }
  }
}
