// Markdown of an answer as elements. HTML in it is text; what comes out is sanitised all the same; no image is fetched.
import DOMPurify from 'dompurify'
import MarkdownIt, { type Token } from 'markdown-it'

import { highlighted } from './highlight'

export type { Token }

const markdown = new MarkdownIt({ html: false, linkify: true, breaks: false })
markdown.disable('image')
markdown.linkify.set({ fuzzyLink: false, fuzzyEmail: false })

const ALLOWED = {
  ALLOWED_TAGS: [
    'a',
    'blockquote',
    'br',
    'code',
    'del',
    'em',
    'h1',
    'h2',
    'h3',
    'h4',
    'h5',
    'h6',
    'hr',
    'li',
    'ol',
    'p',
    'pre',
    's',
    'span',
    'strong',
    'table',
    'tbody',
    'td',
    'th',
    'thead',
    'tr',
    'ul',
  ],
  ALLOWED_ATTR: ['href', 'class', 'start', 'title'],
  ALLOW_DATA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
} as const

/** What later blocks of one text refer to. */
export type Environment = Record<string, unknown>

export function parse(text: string, environment: Environment): Token[] {
  return markdown.parse(text, environment)
}

/** Return the elements of blocks. */
export function rendered(tokens: Token[], environment: Environment): DocumentFragment {
  const html = markdown.renderer.render(tokens, markdown.options, environment)
  return DOMPurify.sanitize(html, ALLOWED as never) as unknown as DocumentFragment
}

/** Return code as an element, in colours where its language is known. */
export function codeElement(code: string, language: string): HTMLElement {
  const made = document.createElement('code')
  const html = highlighted(code, language)
  if (html === undefined) made.textContent = code
  else made.append(DOMPurify.sanitize(html, ALLOWED as never) as unknown as DocumentFragment)
  return made
}

/** Return the language that the words behind a fence name. */
export function languageOf(fence: Token): string {
  return (
    fence.info
      .trim()
      .split(/[\s:,{]/)[0]
      ?.toLowerCase() ?? ''
  )
}

/** Return the path that the words behind a fence name, such as `python src/app.py`; '' if none. */
export function pathOf(fence: Token): string {
  const words = fence.info
    .trim()
    .split(/[\s:]+/)
    .slice(1)
  return (
    words.map((word) => word.replace(/^(title|path|file)=|["']/g, '')).find((word) => /^[\w./-]+\.\w+$/.test(word)) ??
    ''
  )
}
