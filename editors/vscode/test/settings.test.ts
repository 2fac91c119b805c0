// Which settings hold where the user and the workspace have said something.
import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'

import { ghostTextIsOn, Settings, toggleGhostText, toggleLanguage } from '../src/settings'
import { configuration, workspaceConfiguration } from './vscode'

const MANIFEST = {
  contributes: {
    configuration: [
      {
        properties: {
          'codefuse.completion': { scope: 'window' },
          'codefuse.languagesOff': { scope: 'window' },
          'codefuse.endpoint': { scope: 'machine' },
          'codefuse.server.path': { scope: 'machine' },
        },
      },
    ],
  },
}

afterEach(() => {
  for (const values of [configuration, workspaceConfiguration])
    for (const name of Object.keys(values)) delete values[name]
})

test("a workspace says nothing of what is the user's machine", () => {
  configuration['codefuse.endpoint'] = 'http://mine'
  workspaceConfiguration['codefuse.endpoint'] = 'http://theirs'
  const settings = new Settings(MANIFEST)
  assert.deepEqual(settings.ofMachine(), { endpoint: 'http://mine' })
  assert.deepEqual(settings.ofWorkspace(), {})
})

test('a workspace turns nothing on that the user has turned off, and what is shown agrees', () => {
  configuration['codefuse.completion'] = false
  workspaceConfiguration['codefuse.completion'] = true
  assert.deepEqual(new Settings(MANIFEST).ofWorkspace(), { completion: false })
  assert.equal(ghostTextIsOn(), false)
})

test('languages that are off for the user stay so where the workspace names others', () => {
  configuration['codefuse.languagesOff'] = ['markdown']
  workspaceConfiguration['codefuse.languagesOff'] = ['sql']
  assert.deepEqual(new Settings(MANIFEST).ofWorkspace(), { languagesOff: ['sql', 'markdown'] })
  assert.deepEqual([ghostTextIsOn('markdown'), ghostTextIsOn('sql'), ghostTextIsOn('python')], [false, false, true])
})

test('ghost text is turned off and on, everywhere and in a language', async () => {
  await toggleGhostText()
  assert.equal(ghostTextIsOn(), false)
  await toggleGhostText()
  await toggleLanguage('sql')
  assert.deepEqual([ghostTextIsOn('sql'), ghostTextIsOn('python')], [false, true])
  await toggleLanguage('sql')
  assert.equal(ghostTextIsOn('sql'), true)
})

test('what the workspace has turned off is not turned on by half', async () => {
  workspaceConfiguration['codefuse.completion'] = false
  await assert.rejects(toggleGhostText(), /this workspace/)
  workspaceConfiguration['codefuse.languagesOff'] = ['sql']
  await assert.rejects(toggleLanguage('sql'), /this workspace/)
  assert.equal(configuration['codefuse.languagesOff'], undefined)
})
