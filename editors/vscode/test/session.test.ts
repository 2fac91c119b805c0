// The server of a window: begun, waited for, and begun again, one at a time.
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'

import { Session } from '../src/server/session'
import type { Settings } from '../src/settings'
import { CancellationTokenSource, configuration } from './vscode'

interface Server {
  isRunning: boolean
  begin: () => void
  end: () => void
}

let servers: Server[] = []

/** A client whose server begins and ends when the test says so. */
function newClient({ ended }: { ended: () => void }) {
  const server: Server = { isRunning: false, begin: () => {}, end: () => {} }
  const begun = new Promise<void>((resolve) => {
    server.begin = () => {
      server.isRunning = true
      resolve()
    }
  })
  const gone = new Promise<void>((resolve) => {
    server.end = () => {
      server.isRunning = false
      resolve()
    }
  })
  return {
    start: () => {
      servers.push(server)
      return begun
    },
    stop: () => gone,
    dispose: async () => undefined,
    sendRequest: async (method: string) => (method === 'codefuse/status' ? { state: 'ready' } : method),
    ended,
  }
}

const log = { info: () => {}, warn: () => {} }
const load = async () => ({ newClient, onDelta: () => ({ dispose: () => {} }) })
const settled = () => new Promise<void>((resolve) => setTimeout(resolve, 20)) // finding looks at the disk

function newSession(): Session {
  const settings = { ofMachine: () => ({}) } as unknown as Settings
  return new Session(settings, log as never, {}, load as never)
}

async function sees(holds: () => boolean): Promise<void> {
  for (let look = 0; look < 500 && !holds(); look++) await settled()
  assert.ok(holds())
}

beforeEach(() => {
  servers = []
  configuration['codefuse.server.path'] = process.execPath
})

test('what is asked while it starts is answered as soon as it runs', async () => {
  const session = newSession()
  void session.start()
  const answer = session.request<string>('x', {})
  await sees(() => servers.length === 1)
  servers[0]?.begin()
  assert.equal(await answer, 'x')
  assert.equal(session.phase, 'running')
})

test('whoever waits for one that starts can give up', async () => {
  const session = newSession()
  void session.start()
  const stop = new CancellationTokenSource()
  const answer = assert.rejects(session.request('x', {}, stop.token as never))
  stop.cancel()
  await answer
  await sees(() => servers.length === 1)
})

test('of two restarts at once one server is left', async () => {
  const session = newSession()
  void session.start()
  await sees(() => servers.length === 1)
  servers[0]?.begin()
  await sees(() => session.phase === 'running')
  const first = session.restart()
  const second = session.restart()
  servers[0]?.end()
  await first
  await sees(() => servers.length === 2)
  servers[1]?.begin()
  await second
  assert.equal(servers.length, 2)
  assert.deepEqual(
    servers.map(({ isRunning }) => isRunning),
    [false, true],
  )
  assert.equal(session.phase, 'running')
})

test('one that is not there is looked for again', async (context) => {
  configuration['codefuse.server.path'] = '/nowhere/codefuse-lsp'
  context.mock.timers.enable({ apis: ['setTimeout'] })
  const session = newSession()
  await session.start()
  assert.equal(session.phase, 'absent')
  await assert.rejects(session.request('x', {}), /nowhere/)
  configuration['codefuse.server.path'] = process.execPath
  context.mock.timers.tick(5_000)
  context.mock.timers.reset()
  await sees(() => servers.length === 1)
  servers[0]?.begin()
  await sees(() => (session.phase as string) === 'running')
})
