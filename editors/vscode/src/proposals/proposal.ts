// A change that has been proposed and not been decided on: the text of a file as it is, the hunks, and who is told.
import * as vscode from 'vscode'

import type { Hunk } from '../protocol'
import { withHunks } from './hunks'

/** What becomes of a proposal in the end. */
export interface Decision {
  /** Return the edit that puts these hunks into the file. */
  accept: (hunks: readonly Hunk[]) => Promise<vscode.WorkspaceEdit>
  discard: () => void
}

export class Proposal {
  /** Hunks that are still proposed. */
  hunks: readonly Hunk[] = []
  /** While it is written: the text of the whole file so far. */
  growing: string | undefined
  decision: Decision | undefined
  /** Called when its view is closed before it is whole. */
  abandoned: () => void = () => undefined
  note = ''

  /** `before` is the text that hunks are about; `title` names the proposal. */
  constructor(
    readonly uri: vscode.Uri,
    readonly before: string,
    readonly title: string,
  ) {}

  /** The text of the whole file as proposed. */
  get after(): string {
    return this.growing ?? withHunks(this.before, this.hunks)
  }

  /** It is whole: from now on it can be decided on. */
  settle(hunks: readonly Hunk[], decision: Decision, note = ''): void {
    this.growing = undefined
    this.hunks = hunks
    this.decision = decision
    this.note = note
  }

  /** Take one hunk out of it. */
  without(hunk: Hunk): void {
    this.hunks = this.hunks.filter((one) => one !== hunk)
  }
}
