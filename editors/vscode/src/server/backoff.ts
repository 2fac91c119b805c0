// How long to wait before a server that has ended is started again.

const FIRST_MS = 500
const LONGEST_MS = 30_000
const HEALTHY_MS = 60_000 // a server that has lived this long may fail anew

export const MOST_FAILURES = 6 // one after the other; then the user is asked

export class Backoff {
  private failures = 0
  private began = 0

  /** The server has been started, at a time in milliseconds. */
  started(now: number): void {
    this.began = now
  }

  /** The server has ended. Return how long to wait, in milliseconds; undefined when it has failed too often. */
  ended(now: number): number | undefined {
    this.failures = now - this.began >= HEALTHY_MS ? 1 : this.failures + 1
    if (this.failures > MOST_FAILURES) return undefined
    return Math.min(LONGEST_MS, FIRST_MS * 2 ** (this.failures - 1))
  }

  /** The user asks for another try. */
  reset(): void {
    this.failures = 0
  }
}
