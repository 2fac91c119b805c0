// Which settings the server is told, and when. Their names and scopes are those of package.json, which a test holds to
// the server's own table; values that nobody has set are not sent, so that the server's own files and defaults hold.
import * as vscode from 'vscode'

export const SECTION = 'codefuse'

type Values = Record<string, unknown>

export class Settings {
  private readonly scopes: ReadonlyMap<string, string>

  /** `manifest` is the extension's package.json. */
  constructor(manifest: unknown) {
    this.scopes = new Map(declared(manifest).filter(([name]) => !name.includes('.')))
  }

  /** What only the user may set: of the user's own settings, never a workspace's. */
  ofMachine(): Values {
    const configuration = vscode.workspace.getConfiguration(SECTION)
    return chosen(this.named('machine'), (name) => configuration.inspect(name)?.globalValue)
  }

  /** What a workspace may set, too. */
  ofWorkspace(): Values {
    return chosen(this.named('window'), joined)
  }

  /** Whether a change needs a new server: what is the machine's is told at the start only. */
  needsRestart(event: vscode.ConfigurationChangeEvent): boolean {
    return [...this.named('machine'), 'server'].some((name) => event.affectsConfiguration(`${SECTION}.${name}`))
  }

  private named(scope: string): string[] {
    return [...this.scopes].filter(([, one]) => one === scope).map(([name]) => name)
  }
}

/** Turn ghost text on or off for this user; raises an error where that is not this user's to say. */
export async function toggleGhostText(): Promise<void> {
  const configuration = vscode.workspace.getConfiguration(SECTION)
  const off = !ghostTextIsOn()
  if (off && configuration.inspect('completion')?.workspaceValue === false)
    throw new Error('The settings of this workspace turn ghost text off.')
  await configuration.update('completion', off ? undefined : false, vscode.ConfigurationTarget.Global)
}

/** Turn ghost text on or off in one language for this user; raises an error where that is not this user's to say. */
export async function toggleLanguage(language: string): Promise<void> {
  const configuration = vscode.workspace.getConfiguration(SECTION)
  const { globalValue: off = [], workspaceValue: others } = configuration.inspect<string[]>('languagesOff') ?? {}
  if (others?.includes(language)) throw new Error(`The settings of this workspace turn ghost text off in ${language}.`)
  const left = off.filter((one) => one !== language)
  const next = left.length < off.length ? left : [...off, language]
  await configuration.update('languagesOff', next.length ? next : undefined, vscode.ConfigurationTarget.Global)
}

/** Whether ghost text is on, as far as this editor's settings say; in a language, if one is given. */
export function ghostTextIsOn(language?: string): boolean {
  const off = (joined('languagesOff') as string[] | null | undefined) ?? []
  return joined('completion') !== false && !(language && off.includes(language))
}

/** What holds: a workspace adds to the user's lists, and turns nothing on that the user has turned off. */
function joined(name: string): unknown {
  const { globalValue: user, workspaceValue: workspace } =
    vscode.workspace.getConfiguration(SECTION).inspect(name) ?? {}
  if (Array.isArray(user) && Array.isArray(workspace)) return [...workspace, ...user]
  return user === false ? false : (workspace ?? user)
}

function declared(manifest: unknown): [string, string][] {
  const { contributes } = manifest as { contributes: { configuration: { properties: Values }[] } }
  const properties = contributes.configuration.flatMap((section) => Object.entries(section.properties))
  return properties.map(([name, schema]) => [name.slice(SECTION.length + 1), (schema as { scope: string }).scope])
}

function chosen(names: string[], valueOf: (name: string) => unknown): Values {
  const values = names.map((name) => [name, valueOf(name)] as const)
  return Object.fromEntries(values.filter(([, value]) => value !== undefined && value !== null && value !== ''))
}
