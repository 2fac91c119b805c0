// What the chat view (a web page) and the extension say to each other.
import type { CompletionItem, Reference, Turn } from '../protocol'

/** Something that a question is about, as it is shown. */
export interface Chip {
  label: string
  detail: string
  kind: string
  reference: Reference
}

/** An answer that is being written. */
export interface Running {
  question: string
  references: Reference[]
  text: string
}

export interface SlashCommand {
  name: string
  description: string
  argument?: string | null
}

export type ToView =
  | { type: 'conversation'; title: string; turns: Turn[]; earlier: number; running?: Running; at?: string }
  | { type: 'begin'; running: Running }
  | { type: 'delta'; text: string }
  | { type: 'end'; turn: Turn; question: Turn; notes: string[] }
  | { type: 'failed'; message: string; question: string; references: Reference[]; turn?: Turn }
  | { type: 'completions'; id: number; items: CompletionItem[] }
  | { type: 'commands'; commands: SlashCommand[] }
  | { type: 'chip'; chip: Chip }
  | { type: 'selection'; chip: Chip | undefined }
  | { type: 'status'; word: string }
  | { type: 'focus' }

export type FromView =
  | { type: 'ready' }
  | { type: 'ask'; text: string; references: Reference[] }
  | { type: 'stop' }
  | { type: 'regenerate'; turnId: string }
  | { type: 'edit'; turnId: string; text: string; references: Reference[] }
  | { type: 'branch'; turnId: string }
  | { type: 'earlier' }
  | { type: 'complete'; id: number; text: string; offset: number }
  | { type: 'copy'; text: string }
  | { type: 'insert'; code: string }
  | { type: 'apply'; code: string; language: string; path: string }
  | { type: 'newFile'; code: string; language: string }
  | { type: 'openLink'; href: string }
  | { type: 'openReference'; reference: Reference }
  | { type: 'pickFile' }
