// The editor, as far as the tests of what stands behind it need one. Settings are what a test puts into `configuration`.
type Listener<Value> = (value: Value) => unknown

export class EventEmitter<Value> {
  private readonly listeners = new Set<Listener<Value>>()
  readonly event = (listener: Listener<Value>) => {
    this.listeners.add(listener)
    return { dispose: () => this.listeners.delete(listener) }
  }
  fire(value: Value): void {
    for (const listener of this.listeners) listener(value)
  }
}

export class CancellationTokenSource {
  private readonly cancelled = new EventEmitter<void>()
  readonly token = { isCancellationRequested: false, onCancellationRequested: this.cancelled.event }
  cancel(): void {
    if (this.token.isCancellationRequested) return
    this.token.isCancellationRequested = true
    this.cancelled.fire()
  }
  dispose(): void {
    this.cancelled.fire = () => undefined
  }
}

export class CancellationError extends Error {}

export const configuration: Record<string, unknown> = {}

/** What the workspace sets, before the user's own. */
export const workspaceConfiguration: Record<string, unknown> = {}

export const ConfigurationTarget = { Global: 1 }

export const workspace = {
  isTrusted: true,
  workspaceFolders: [],
  getConfiguration: (section: string) => ({
    get: (name: string) => workspaceConfiguration[`${section}.${name}`] ?? configuration[`${section}.${name}`],
    inspect: (name: string) => ({
      globalValue: configuration[`${section}.${name}`],
      workspaceValue: workspaceConfiguration[`${section}.${name}`],
    }),
    update: async (name: string, value: unknown) => void (configuration[`${section}.${name}`] = value),
  }),
}

export const extensions = { getExtension: () => undefined }
