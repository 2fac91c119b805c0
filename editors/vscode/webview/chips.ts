// References as chips: what a question is about.
import type { Chip } from '../src/chat/messages'
import type { Reference } from '../src/protocol'
import { codicon, element, iconButton } from './elements'
import { tell } from './host'

const ICONS: Record<string, string> = {
  command: 'terminal-cmd',
  file: 'file',
  selection: 'list-selection',
  symbol: 'symbol-method',
  diagnostics: 'warning',
  diff: 'git-compare',
  terminal: 'terminal',
}

export function iconOf(kind: string): string {
  return ICONS[kind] ?? 'file'
}

/** Return a chip that shows what it points at; with `remove`, one that can be taken away. */
export function chipElement(reference: Reference, given?: Chip, remove?: () => void): HTMLElement {
  const label = given?.label ?? labelOf(reference)
  const open = element(
    'button',
    {
      type: 'button',
      class: 'open',
      title: given?.detail || (reference.uri ? decoded(reference.uri) : label),
      click: () => tell({ type: 'openReference', reference }),
    },
    codicon(iconOf(reference.kind ?? 'file')),
    element('span', {}, label),
  )
  const away = remove && iconButton('close', `Remove ${label}`, remove)
  return element('span', { class: 'chip' }, open, away)
}

/** Return how a reference is shown of which nothing else is known. */
export function chipOf(reference: Reference): Chip {
  const detail = reference.uri ? decoded(reference.uri) : ''
  return { label: labelOf(reference), detail, kind: reference.kind ?? 'file', reference }
}

export function labelOf(reference: Reference): string {
  if (reference.name) return reference.name
  const file = reference.uri ? decoded(reference.uri.split('/').pop() ?? '') : (reference.kind ?? '')
  if (!reference.range) return file
  const { start, end } = reference.range
  return `${file}:${start.line + 1}-${Math.max(start.line, end.character ? end.line : end.line - 1) + 1}`
}

/** An address as it is read; other editors may have written it, and not escaped a sign that has to be. */
function decoded(uri: string): string {
  try {
    return decodeURIComponent(uri)
  } catch {
    return uri
  }
}
