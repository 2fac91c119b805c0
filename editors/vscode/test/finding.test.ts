// Where the server is looked for, and what is said where it is not.
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'

import { findServer, installers, ServerAbsent } from '../src/server/finding'
import { configuration, extensions, workspace } from './vscode'

const path = process.env['PATH']

/** A folder with programs in it. */
function folderWith(...programs: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'cf-'))
  for (const program of programs) {
    writeFileSync(join(folder, program), '#!/bin/sh\n')
    chmodSync(join(folder, program), 0o755)
  }
  return folder
}

/** Have the Python extension use an interpreter. */
function interpreter(executable: string): void {
  const environments = {
    getActiveEnvironmentPath: () => ({ path: executable }),
    resolveEnvironment: async () => ({ executable: { uri: { fsPath: executable } } }),
  }
  extensions.getExtension = () => ({ activate: async () => ({ environments }) }) as never
}

beforeEach(() => {
  configuration['codefuse.server.path'] = ''
  process.env['HOME'] = mkdtempSync(join(tmpdir(), 'cf-'))
})

afterEach(() => {
  process.env['PATH'] = path
  workspace.isTrusted = true
  extensions.getExtension = () => undefined
})

test('the setting goes first, and what is wrong with it is told', async () => {
  const folder = folderWith('mine')
  configuration['codefuse.server.path'] = join(folder, 'mine')
  assert.equal((await findServer()).command, join(folder, 'mine'))
  configuration['codefuse.server.path'] = join(folder, 'other')
  await assert.rejects(findServer(), /which is no program/)
  configuration['codefuse.server.path'] = 'codefuse-lsp'
  await assert.rejects(findServer(), /not a full path/)
})

test('it is found on PATH, of which only full paths count', async () => {
  const folder = folderWith('codefuse-lsp')
  process.env['PATH'] = `.:${folder}`
  assert.equal((await findServer()).command, join(folder, 'codefuse-lsp'))
})

test('that of the environment of the workspace goes before, where the workspace is trusted', async () => {
  const everyones = folderWith('codefuse-lsp')
  const workspaces = folderWith('codefuse-lsp', 'python')
  process.env['PATH'] = everyones
  interpreter(join(workspaces, 'python'))
  assert.equal((await findServer()).command, join(workspaces, 'codefuse-lsp'))
  workspace.isTrusted = false
  assert.equal((await findServer()).command, join(everyones, 'codefuse-lsp'))
})

test('where it is not, what can install it is named', async () => {
  process.env['PATH'] = folderWith('uv')
  await assert.rejects(findServer(), ServerAbsent)
  assert.deepEqual(await installers(), ['uv tool install codefuse-lsp'])
})
