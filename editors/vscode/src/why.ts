// "Why no suggestion?": what became of the last requests for ghost text, and what the model would be shown here.
import { basename } from 'node:path'
import * as vscode from 'vscode'

import { Method, type WhyRecord } from './protocol'
import type { Session } from './server/session'
import type { TextViews } from './views'

const SHOWN = 30

/** Let the user look through the last requests, newest first, and read one whole. */
export async function whyNoSuggestion(session: Session, views: TextViews): Promise<void> {
  const records = await session.request<WhyRecord[]>(Method.why, { count: SHOWN })
  if (!records.length) {
    void vscode.window.showInformationMessage('Ghost text has not been asked for since the language server started.')
    return
  }
  const items = records.reverse().map((record) => ({ ...row(record), record }))
  const picked = await vscode.window.showQuickPick(items, {
    title: 'Why no suggestion?',
    placeHolder: 'The last requests for ghost text, newest first',
    matchOnDetail: true,
  })
  if (picked) await views.show(`Request ${picked.record.id}.md`, account(picked.record))
}

/** Show what the model would be shown at the cursor. */
export async function inspectPrompt(session: Session, views: TextViews): Promise<void> {
  const editor = vscode.window.activeTextEditor
  if (!editor) return
  const { code2ProtocolConverter: wire } = session.converters
  const { document, selection } = editor
  const params = wire.asTextDocumentPositionParams(document, selection.active)
  const found = await session.request<{ prompt: string; heal: string } | null>(Method.inspectPrompt, params)
  if (found) await views.show('Prompt.txt', `${found.prompt}${found.heal}`, 'plaintext')
  else
    void vscode.window.showInformationMessage(
      'Ghost text is not asked for here. "Why no suggestion?" tells the reason.',
    )
}

function row(record: WhyRecord): vscode.QuickPickItem {
  const icon = record.outcome === 'suggested' || record.outcome === 'shown' ? 'check' : 'circle-slash'
  const file = basename(record.file)
  return {
    label: `$(${icon}) ${record.detail || record.outcome}`,
    description: `${file}:${record.line} · ${time(record)} · ${Math.round(record.totalMs)} ms`,
  }
}

function time(record: WhyRecord): string {
  return new Date(record.time * 1000).toLocaleTimeString()
}

function account(record: WhyRecord): string {
  const rows: [string, string][] = [
    ['Outcome', [record.outcome, record.detail].filter(Boolean).join(': ')],
    ['What became of it', record.fate ?? ''],
    ['Place', `${record.file}, line ${record.line}`],
    ['When', new Date(record.time * 1000).toLocaleString()],
    ['Came from', record.source],
    [
      'Tokens',
      `${record.promptTokens} read (${record.cachedTokens} of them kept from before), ${record.generatedTokens} written`,
    ],
    ['First token', milliseconds(record.firstTokenMs)],
    ['Waited for more typing', milliseconds(record.waitedMs)],
    ['Looked round', milliseconds(record.lookedMs)],
    ['Model', milliseconds(record.modelMs)],
    ['In all', milliseconds(record.totalMs)],
    ...record.dropped.map((cut): [string, string] => [`Taken by: ${cut.filter}`, cut.text]),
  ]
  const table = rows.filter(([, value]) => value).map(([name, value]) => `| ${name} | ${cell(value)} |`)
  const more = `The prompt and the answer: \`codefuse-lsp why ${record.id} --rebuild\` in a terminal.`
  return [`# Request ${record.id}`, '', '| | |', '|---|---|', ...table, '', more, ''].join('\n')
}

function milliseconds(value: number | null | undefined): string {
  return value === null || value === undefined ? '' : `${Math.round(value)} ms`
}

function cell(value: string): string {
  return value.replace(/\\/g, '\\\\').replace(/[|<`]/g, '\\$&').replace(/\s+/g, ' ')
}
