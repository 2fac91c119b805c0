// Code of an answer, and what can be done with it.
import { codicon, element, iconButton } from './elements'
import { tell } from './host'
import { codeElement } from './markdown'

const DONE_MS = 1_500 // for which a button says that it has done its work

export class CodeBlock {
  readonly element: HTMLElement
  private readonly pre = element('pre', { tabindex: '0' })
  private readonly text = document.createTextNode('')
  private code = ''

  constructor(
    private readonly language: string,
    private readonly path: string,
  ) {
    const name = element('span', { class: 'name' }, path || language || 'code')
    const copy = iconButton('copy', 'Copy', () => this.copy(copy))
    const buttons = element(
      'span',
      { class: 'buttons', role: 'toolbar', 'aria-label': 'Code' },
      this.button('diff', 'Apply to the file, after a look at the difference', 'Apply', () => this.apply()),
      iconButton('insert', 'Insert at the cursor', () => tell({ type: 'insert', code: this.code })),
      iconButton('new-file', 'Open as a new file', () =>
        tell({ type: 'newFile', code: this.code, language: this.language }),
      ),
      copy,
    )
    this.pre.append(element('code', {}, this.text))
    this.element = element('div', { class: 'code', role: 'group', 'aria-label': `Code: ${path || language}` })
    this.element.append(element('div', { class: 'head' }, name, buttons), this.pre)
  }

  /** Take the code so far; only what is new is drawn. */
  grow(code: string): void {
    if (code.startsWith(this.code)) this.text.appendData(code.slice(this.code.length))
    else this.text.data = code
    this.code = code
  }

  /** Take the whole code, and give it its colours. */
  finish(code: string): void {
    this.code = code
    this.pre.replaceChildren(codeElement(code, this.language))
  }

  private apply(): void {
    tell({ type: 'apply', code: this.code, language: this.language, path: this.path })
  }

  private copy(button: HTMLButtonElement): void {
    tell({ type: 'copy', text: this.code })
    button.replaceChildren(codicon('check'))
    setTimeout(() => button.replaceChildren(codicon('copy')), DONE_MS)
  }

  private button(icon: string, title: string, label: string, click: () => void): HTMLButtonElement {
    return element('button', { class: 'icon wide', type: 'button', title, click }, codicon(icon), label)
  }
}
