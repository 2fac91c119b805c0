// Former conversations: searched, opened, renamed, deleted, exported.
import * as vscode from 'vscode'

import { type ConversationSummary, Method } from '../protocol'
import { messageOf, type Session } from '../server/session'

const SHOWN = 50
const TYPING_MS = 120 // between a keystroke and the search for what was typed

type Entry = vscode.QuickPickItem & { conversation: ConversationSummary }

const RENAME: vscode.QuickInputButton = { iconPath: new vscode.ThemeIcon('edit'), tooltip: 'Rename' }
const EXPORT: vscode.QuickInputButton = { iconPath: new vscode.ThemeIcon('markdown'), tooltip: 'Export as Markdown' }
const DELETE: vscode.QuickInputButton = { iconPath: new vscode.ThemeIcon('trash'), tooltip: 'Delete' }

/** Return the id of the conversation that the user chooses; `deleted` hears of those that are gone. */
export function pickConversation(session: Session, deleted: (id: string) => void): Promise<string | undefined> {
  const picker = vscode.window.createQuickPick<Entry>()
  picker.title = 'Conversations'
  picker.placeholder = 'Search in all that was said'
  picker.matchOnDetail = true
  let typing: NodeJS.Timeout | undefined
  let searches = 0
  let isActing = false // a question in between hides the list
  const search = async () => {
    const mine = ++searches
    picker.busy = true
    const found = await listed(session, picker.value).catch(tell)
    if (mine !== searches) return
    picker.items = found ?? []
    picker.busy = false
  }
  const act = async (button: vscode.QuickInputButton, conversation: ConversationSummary) => {
    if (button === RENAME) await renamed(session, conversation)
    if (button === EXPORT) await exportConversation(session, conversation.conversationId)
    if (button === DELETE && (await isDeleted(session, conversation))) deleted(conversation.conversationId)
  }
  return new Promise((resolve) => {
    picker.onDidChangeValue(() => {
      clearTimeout(typing)
      typing = setTimeout(() => void search(), TYPING_MS)
    })
    picker.onDidTriggerItemButton(async ({ button, item: { conversation } }) => {
      isActing = true
      await act(button, conversation).catch(tell)
      isActing = false
      if (button === EXPORT) return picker.hide()
      picker.show()
      await search()
    })
    picker.onDidAccept(() => {
      resolve(picker.selectedItems[0]?.conversation.conversationId)
      picker.hide()
    })
    picker.onDidHide(() => {
      if (isActing) return
      clearTimeout(typing)
      resolve(undefined)
      picker.dispose()
    })
    picker.show()
    void search()
  })
}

/** Open a conversation as a Markdown document. */
export async function exportConversation(session: Session, conversationId: string): Promise<void> {
  const { markdown } = await session.request<{ markdown: string }>(Method.exportConversation, { conversationId })
  const document = await vscode.workspace.openTextDocument({ language: 'markdown', content: markdown })
  await vscode.window.showTextDocument(document)
}

async function listed(session: Session, query: string): Promise<Entry[]> {
  const params = query ? { query, limit: SHOWN } : { limit: SHOWN }
  const { items } = await session.request<{ items: ConversationSummary[] }>(Method.conversations, params)
  return items.map((conversation) => ({
    label: conversation.title || 'Conversation',
    description: new Date(conversation.updated).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' }),
    detail: conversation.snippet?.replace(/\s+/g, ' ').trim() || undefined,
    alwaysShow: true, // the server has searched, in more than is shown here
    buttons: [RENAME, EXPORT, DELETE],
    conversation,
  }))
}

async function renamed(session: Session, { conversationId, title }: ConversationSummary): Promise<void> {
  const said = await vscode.window.showInputBox({ title: 'Rename the conversation', value: title })
  if (said) await session.request(Method.renameConversation, { conversationId, title: said })
}

async function isDeleted(session: Session, { conversationId, title }: ConversationSummary): Promise<boolean> {
  const yes = 'Delete'
  const said = await vscode.window.showWarningMessage(`Delete "${title}" for good?`, { modal: true }, yes)
  if (said !== yes) return false
  await session.request(Method.deleteConversation, { conversationId })
  return true
}

function tell(error: unknown): undefined {
  void vscode.window.showErrorMessage(messageOf(error))
}
