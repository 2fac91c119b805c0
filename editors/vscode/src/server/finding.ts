// Where the server is: the setting, the interpreter that the workspace has chosen, PATH, and where pipx and uv put it.
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, dirname, isAbsolute, join } from 'node:path'
import * as vscode from 'vscode'

import { SECTION } from '../settings'

const WINDOWS = process.platform === 'win32'
const NAME = WINDOWS ? 'codefuse-lsp.exe' : 'codefuse-lsp'

export interface Found {
  command: string
  /** Where it was found, in words. */
  how: string
}

/** There is no server; the message says what to do about it. */
export class ServerAbsent extends Error {}

/** Return where the server is; raises ServerAbsent. */
export async function findServer(): Promise<Found> {
  const set = vscode.workspace.getConfiguration(SECTION).get<string>('server.path')?.trim()
  if (set) {
    const command = set.replace(/^~(?=$|[/\\])/, homedir())
    if (!isAbsolute(command)) throw new ServerAbsent(`The setting codefuse.server.path, ${set}, is not a full path.`)
    if (await isExecutable(command)) return { command, how: 'the setting codefuse.server.path' }
    throw new ServerAbsent(`The setting codefuse.server.path names ${set}, which is no program.`)
  }
  for await (const [folder, how] of folders()) {
    const command = join(folder, NAME)
    if (await isExecutable(command)) return { command, how }
  }
  throw new ServerAbsent('The language server, codefuse-lsp, is not installed where CodeFuse looks for it.')
}

/** Yield the folders to look in, in their order. */
async function* folders(): AsyncGenerator<[string, string]> {
  const interpreter = await workspaceInterpreter()
  if (interpreter) yield [dirname(interpreter), "the workspace's Python environment"]
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) if (isAbsolute(folder)) yield [folder, 'PATH']
  yield [join(homedir(), '.local', 'bin'), "the user's programs"] // of pipx and uv, where PATH lacks it
  if (WINDOWS) yield [join(homedir(), 'pipx', 'venvs', 'codefuse-lsp', 'Scripts'), 'pipx']
}

/** The interpreter that the Python extension uses here. It may be the workspace's own, so only a trusted one's counts. */
async function workspaceInterpreter(): Promise<string | undefined> {
  const extension = vscode.extensions.getExtension('ms-python.python')
  if (!extension || !vscode.workspace.isTrusted) return undefined
  try {
    const api = (await extension.activate()) as PythonExtension | undefined
    const path = api?.environments?.getActiveEnvironmentPath(vscode.workspace.workspaceFolders?.[0]?.uri)
    const environment = path && (await api?.environments?.resolveEnvironment(path))
    return environment ? environment.executable.uri?.fsPath : undefined
  } catch {
    return undefined // an extension that fails is no reason not to look elsewhere
  }
}

/** The part of the Python extension's interface that is used here. */
interface PythonExtension {
  environments?: {
    getActiveEnvironmentPath(resource?: vscode.Uri): { path: string }
    resolveEnvironment(path: { path: string }): Promise<{ executable: { uri?: vscode.Uri } } | undefined>
  }
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, WINDOWS ? constants.F_OK : constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Ways to install the server that exist on this machine, each a command line. */
export async function installers(): Promise<string[]> {
  const ways: [string, string][] = [
    ['uv', 'uv tool install codefuse-lsp'],
    ['pipx', 'pipx install codefuse-lsp'],
  ]
  const places = (process.env['PATH'] ?? '').split(delimiter).filter(isAbsolute)
  const here = async (program: string): Promise<boolean> =>
    (
      await Promise.all(places.map((place) => isExecutable(join(place, WINDOWS ? `${program}.exe` : program))))
    ).includes(true)
  const found = await Promise.all(ways.map(async ([program, line]) => ((await here(program)) ? [line] : [])))
  return found.flat()
}
