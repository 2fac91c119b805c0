// One suggestion and what becomes of it: how much of it stands in the document, and whether it was taken, typed or left.
// Knows no editor: offsets are UTF-16 units of the document.

/** What a change has made of a suggestion. */
export type Fate = 'typed' | 'partly' | 'accepted' | 'left'

/** Where a text was put in place of another. */
export interface Change {
  offset: number
  length: number
  text: string
}

export class Offer {
  private progress = 0 // units of the text that stand in the document already

  constructor(
    readonly id: string,
    readonly text: string,
    private readonly start: number,
  ) {}

  /** Where the cursor is as long as the suggestion is followed. */
  get cursor(): number {
    return this.start + this.progress
  }

  /** What does not stand in the document. */
  get rest(): string {
    return this.text.slice(this.progress)
  }

  get acceptedLength(): number {
    return this.progress
  }

  /** Take a change of the document. More than one character at once was accepted, not typed. */
  take(change: Change): Fate {
    if (change.offset === this.cursor && change.text && this.rest.startsWith(change.text)) {
      this.progress += change.text.length
      if (this.progress === this.text.length) return 'accepted'
      return change.text.length > 1 ? 'partly' : 'typed'
    }
    const tookBack = !change.text && change.offset + change.length === this.cursor && change.offset >= this.start
    if (tookBack) {
      this.progress -= change.length
      return 'typed'
    }
    return 'left'
  }
}
