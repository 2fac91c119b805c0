// The wire of the methods that are ours: names and shapes, as codefuse_lsp/lsp/protocol declares them.
import type { Range, WorkspaceEdit } from 'vscode-languageclient/node'

/** How the model is. */
export interface Status {
  state: 'stopped' | 'starting' | 'loading' | 'ready' | 'failed'
  message: string
  model: string
  device: string
  busy: boolean
  progress?: number | null
  command?: string | null
  queuePosition?: number | null
}

/** What became of one request for ghost text; times in milliseconds. */
export interface WhyRecord {
  id: string
  time: number
  file: string
  line: number // from 1
  outcome: string
  detail: string
  totalMs: number
  firstTokenMs?: number | null
  promptTokens: number
  cachedTokens: number
  generatedTokens: number
  source: string
  ownMs: number
  waitedMs: number
  lookedMs: number
  modelMs: number
  filters: string[]
  dropped: { filter: string; text: string }[]
  fate?: string
}

/** What a question is about. */
export interface Reference {
  uri?: string
  range?: Range
  kind?: 'file' | 'selection' | 'symbol' | 'diagnostics' | 'diff' | 'terminal'
  name?: string
  text?: string
}

export interface CodeBlock {
  index: number
  language: string
  path: string
  code: string
  start: number
  end: number
}

export interface ChatResult {
  conversationId: string
  questionId?: string
  turnId: string
  text: string
  finishReason: 'stop' | 'length' | 'cancelled'
  leftOut?: string[]
  codeBlocks?: CodeBlock[]
}

export interface Turn {
  turnId: string
  parentId?: string | null
  role: 'human' | 'bot'
  text: string
  finishReason?: string | null
  references?: Reference[]
  siblings?: string[]
  codeBlocks?: CodeBlock[]
}

export interface Conversation {
  conversationId: string
  title: string
  turns: Turn[]
  /** How many there are before these. */
  earlier?: number
}

export interface ConversationSummary {
  conversationId: string
  title: string
  updated: number // milliseconds since the epoch
  turns: number
  snippet?: string
}

export interface CompletionItem {
  label: string
  detail?: string
  kind: string
  insertText: string
  start: number
  end: number
  reference?: Reference | null
}

export interface Hunk {
  id?: string
  range: Range
  oldText: string
  newText: string
}

/** A rewrite of a range that waits for a decision. */
export interface Edit {
  editId: string
  uri: string
  version?: number | null
  range: Range
  oldText: string
  newText: string
  hunks: Hunk[]
  finishReason?: string
  note?: string | null
}

/** An edit that applies a block of a chat's answer. */
export interface Applied {
  edit: WorkspaceEdit
  label: string
  uri: string
  hunks?: Hunk[]
  note?: string | null
}

/** Of an answer that failed: what the server keeps of it, in its error. */
export interface FailedTurn {
  conversationId: string
  questionId: string
  turnId: string
}

/** A piece of an answer that streams by `$/progress`. */
export interface Delta {
  kind: 'delta'
  seq: number
  text: string
}

export const Method = {
  status: 'codefuse/status',
  why: 'codefuse/whyNoSuggestion',
  inspectPrompt: 'codefuse/inspectPrompt',
  didShow: 'codefuse/didShowCompletion',
  didAcceptPart: 'codefuse/didPartiallyAcceptCompletion',
  didReject: 'codefuse/didRejectCompletion',
  chat: 'codefuse/chat',
  chatCommands: 'codefuse/chat/commands',
  chatComplete: 'codefuse/chat/complete',
  conversations: 'codefuse/conversations',
  openConversation: 'codefuse/conversations/open',
  deleteConversation: 'codefuse/conversations/delete',
  renameConversation: 'codefuse/conversations/rename',
  exportConversation: 'codefuse/conversations/export',
  regenerate: 'codefuse/conversations/regenerate',
  editQuestion: 'codefuse/conversations/edit',
  applyCodeBlock: 'codefuse/applyCodeBlock',
  edit: 'codefuse/edit',
  acceptEdit: 'codefuse/edit/accept',
  discardEdit: 'codefuse/edit/discard',
  renameSuggestions: 'codefuse/renameSuggestions',
  commitMessage: 'codefuse/commitMessage',
  review: 'codefuse/review',
  clearReview: 'codefuse/review/clear',
} as const
