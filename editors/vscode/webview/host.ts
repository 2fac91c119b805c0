// The extension at the other end, and what the page remembers when it is taken down.
import type { FromView } from '../src/chat/messages'

interface Remembered {
  draft?: string
}

interface Api {
  postMessage(message: FromView): void
  getState(): Remembered | undefined
  setState(state: Remembered): void
}

declare function acquireVsCodeApi(): Api

const api = acquireVsCodeApi()

export function tell(message: FromView): void {
  api.postMessage(message)
}

export function remembered(): Remembered {
  return api.getState() ?? {}
}

export function remember(state: Remembered): void {
  api.setState(state)
}
