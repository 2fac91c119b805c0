// How long to wait for a server that ends.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Backoff, MOST_FAILURES } from '../src/server/backoff'

test('each failure in a row is waited for longer, and then the user is asked', () => {
  const backoff = new Backoff()
  const delays: (number | undefined)[] = []
  for (let failure = 0; failure <= MOST_FAILURES; failure++) {
    backoff.started(0)
    delays.push(backoff.ended(1_000))
  }
  assert.deepEqual(delays, [500, 1_000, 2_000, 4_000, 8_000, 16_000, undefined])
})

test('a server that has lived for a minute is started again at once', () => {
  const backoff = new Backoff()
  backoff.started(0)
  backoff.ended(10)
  backoff.started(1_000)
  assert.equal(backoff.ended(100_000), 500)
})

test('whoever asks for another try gets all of them', () => {
  const backoff = new Backoff()
  backoff.started(0)
  backoff.ended(0)
  backoff.reset()
  assert.equal(backoff.ended(0), 500)
})
