// Proposals as the editor's own diff: the file on the left, what is proposed on the right, and the decision.
import { basename } from 'node:path'
import * as vscode from 'vscode'

import { firstChangedLine, hunkAt } from './hunks'
import type { Proposal } from './proposal'

const SCHEME = 'codefuse-proposal'
const EMPTY = 'codefuse-nothing' // the left side of a file that is not there yet
const CONTEXT = 'codefuse.proposing'
const REFRESH_MS = 80 // shortest pause between two looks at a proposal that grows

export class Previews implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly changes = new vscode.EventEmitter<vscode.Uri>()
  readonly onDidChange = this.changes.event
  private readonly proposals = new Map<string, Proposal>()
  private refreshing: NodeJS.Timeout | undefined
  private count = 0
  private readonly listening = vscode.Disposable.from(
    vscode.workspace.registerTextDocumentContentProvider(SCHEME, this),
    vscode.workspace.registerTextDocumentContentProvider(EMPTY, { provideTextDocumentContent: () => '' }),
    vscode.window.tabGroups.onDidChangeTabs(({ closed }) => closed.forEach((tab) => this.closed(tab))),
  )

  dispose(): void {
    clearTimeout(this.refreshing)
    this.listening.dispose()
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.proposals.get(uri.toString())?.after ?? ''
  }

  /** Show a proposal beside the file. */
  async show(proposal: Proposal, exists = true): Promise<void> {
    const path = proposal.uri.path
    const right = vscode.Uri.from({ scheme: SCHEME, path, query: String(++this.count) })
    const left = exists ? proposal.uri : vscode.Uri.from({ scheme: EMPTY, path })
    this.proposals.set(right.toString(), proposal)
    const title = `${basename(path)}: ${proposal.title}`
    const options = { preview: true, selection: lineOf(firstChangedLine(proposal.hunks)) }
    await vscode.commands.executeCommand('vscode.diff', left, right, title, options)
    this.mark(proposal)
  }

  /** Show what has become of a proposal. */
  refresh(proposal: Proposal): void {
    this.mark(proposal)
    if (!proposal.growing) return this.fire(proposal)
    this.refreshing ??= setTimeout(() => {
      this.refreshing = undefined
      this.fire(proposal)
    }, REFRESH_MS)
  }

  /** Put what is still proposed into the file, in one step, and close the diff. */
  async accept(only?: 'hunk at the cursor'): Promise<void> {
    const proposal = this.active()
    const decision = proposal?.decision
    if (!proposal || !decision) return
    const hunk = only && this.hunkAtCursor(proposal)
    const chosen = hunk ? [hunk] : proposal.hunks
    proposal.decision = undefined // a second press decides nothing, and closing the diff is no refusal any more
    try {
      const edit = await decision.accept(chosen)
      if (!(await vscode.workspace.applyEdit(edit)))
        throw new Error('The file has changed meanwhile; nothing was put in.')
    } catch (error) {
      proposal.decision = decision
      throw error
    }
    await this.close(proposal)
    const document = await vscode.workspace.openTextDocument(proposal.uri)
    await vscode.window.showTextDocument(document, { selection: lineOf(firstChangedLine(chosen)), preview: false })
  }

  /** Take the change at the cursor out of what is proposed. */
  async discardHunk(): Promise<void> {
    const proposal = this.active()
    const hunk = proposal && this.hunkAtCursor(proposal)
    if (!hunk) return
    proposal.without(hunk)
    if (proposal.hunks.length) this.refresh(proposal)
    else await this.close(proposal)
  }

  /** Let the file be as it is, and close the diff. */
  async discard(): Promise<void> {
    const proposal = this.active()
    if (proposal) await this.close(proposal)
  }

  /** Whether the diff of a proposal is open. */
  isShown(proposal: Proposal): boolean {
    return [...this.proposals.values()].includes(proposal)
  }

  async close(proposal: Proposal): Promise<void> {
    const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs)
    await vscode.window.tabGroups.close(tabs.filter((tab) => this.proposalOf(tab) === proposal))
  }

  private active(): Proposal | undefined {
    return this.proposalOf(vscode.window.tabGroups.activeTabGroup.activeTab)
  }

  private proposalOf(tab: vscode.Tab | undefined): Proposal | undefined {
    return tab?.input instanceof vscode.TabInputTextDiff ? this.proposals.get(tab.input.modified.toString()) : undefined
  }

  private hunkAtCursor(proposal: Proposal) {
    const editor = vscode.window.activeTextEditor
    return hunkAt(proposal.hunks, editor?.selection.active.line ?? 0)
  }

  private closed(tab: vscode.Tab): void {
    const proposal = this.proposalOf(tab)
    if (!proposal) return
    if (tab.input instanceof vscode.TabInputTextDiff) this.proposals.delete(tab.input.modified.toString())
    if (proposal.decision) proposal.decision.discard()
    else if (proposal.growing !== undefined) proposal.abandoned()
  }

  private fire(proposal: Proposal): void {
    for (const [uri, one] of this.proposals) if (one === proposal) this.changes.fire(vscode.Uri.parse(uri))
  }

  private mark(proposal: Proposal): void {
    void vscode.commands.executeCommand('setContext', CONTEXT, proposal.decision !== undefined)
  }
}

function lineOf(line: number): vscode.Range {
  return new vscode.Range(line, 0, line, 0)
}
