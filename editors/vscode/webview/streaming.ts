// Markdown that grows: what is settled is drawn once, and only the block that is being written is drawn again.
import { CodeBlock } from './codeBlock'
import { type Environment, languageOf, parse, pathOf, rendered, type Token } from './markdown'

const LONG = 4_000 // characters of one block; a longer one is drawn less often
const LONG_PAUSE_MS = 250
const BUDGET_MS = 12 // of one frame, for what is settled; what is left is drawn with the next

/** A block at the outermost level, and the line of the text where it begins. */
interface Block {
  tokens: Token[]
  line: number
}

export class StreamingMarkdown {
  readonly element = document.createElement('div')
  private readonly tail = document.createElement('div')
  private readonly environment: Environment = {}
  private text = '' // that is not settled
  private code: CodeBlock | undefined // that is being written
  private frame = 0
  private drawn = 0

  constructor(private readonly afterDrawing: () => void = () => undefined) {
    this.element.className = 'markdown'
    this.element.append(this.tail)
  }

  /** Take more of the text; it is drawn with the next frame. */
  push(text: string): void {
    this.text += text
    this.frame ||= requestAnimationFrame((now) => this.draw(now))
  }

  /** The text is whole. */
  end(): void {
    cancelAnimationFrame(this.frame)
    this.code = undefined
    this.tail.remove()
    for (const block of blocksOf(parse(this.text, this.environment))) this.settle(block)
    this.text = ''
    this.afterDrawing()
  }

  private draw(now: number): void {
    const end = performance.now() + BUDGET_MS
    this.frame = 0
    const blocks = blocksOf(parse(this.text, this.environment))
    const last = blocks.pop()
    if (!last) return
    const left = blocks.find((block) => {
      if (performance.now() > end) return true
      this.settle(block)
      return false
    })
    if (blocks.length) this.text = fromLine(this.text, (left ?? last).line)
    const isSoon = this.text.length > LONG && now - this.drawn < LONG_PAUSE_MS && !isFence(last)
    if (left || isSoon) this.frame = requestAnimationFrame((later) => this.draw(later))
    else {
      this.drawn = now
      this.drawTail(last)
    }
    this.afterDrawing()
  }

  private settle(block: Block): void {
    if (this.code && isFence(block)) {
      this.tail.replaceChildren()
      this.code = undefined
    }
    this.element.insertBefore(elementsOf(block, this.environment), this.tail.parentNode ? this.tail : null)
  }

  private drawTail(block: Block): void {
    const [fence] = block.tokens
    if (!fence || !isFence(block)) {
      this.code = undefined
      this.tail.replaceChildren(elementsOf(block, this.environment))
      return
    }
    if (!this.code) {
      this.code = new CodeBlock(languageOf(fence), pathOf(fence))
      this.tail.replaceChildren(this.code.element)
    }
    this.code.grow(fence.content.replace(/\n$/, ''))
  }
}

/** Return a whole text as elements. */
export function markdownElement(text: string): HTMLElement {
  const whole = new StreamingMarkdown()
  whole.push(text)
  whole.end()
  return whole.element
}

function elementsOf(block: Block, environment: Environment): DocumentFragment {
  const [fence] = block.tokens
  if (!fence || !isFence(block)) return withCode(rendered(block.tokens, environment))
  const code = new CodeBlock(languageOf(fence), pathOf(fence))
  code.finish(fence.content.replace(/\n$/, ''))
  const fragment = document.createDocumentFragment()
  fragment.append(code.element)
  return fragment
}

/** Code inside other blocks, such as lists, gets its buttons, too. */
function withCode(fragment: DocumentFragment): DocumentFragment {
  for (const pre of fragment.querySelectorAll('pre')) {
    const language = /language-(\S+)/.exec(pre.firstElementChild?.className ?? '')?.[1] ?? ''
    const code = new CodeBlock(language, '')
    code.finish((pre.textContent ?? '').replace(/\n$/, ''))
    pre.replaceWith(code.element)
  }
  return fragment
}

function isFence({ tokens: [token] }: Block): boolean {
  return token?.type === 'fence'
}

function blocksOf(tokens: Token[]): Block[] {
  const blocks: Block[] = []
  for (const token of tokens) {
    const begins = token.level === 0 && token.nesting >= 0 && token.map
    if (begins) blocks.push({ tokens: [token], line: token.map?.[0] ?? 0 })
    else blocks.at(-1)?.tokens.push(token)
  }
  return blocks
}

function fromLine(text: string, line: number): string {
  let at = 0
  for (let passed = 0; passed < line; passed++) at = text.indexOf('\n', at) + 1
  return text.slice(at)
}
