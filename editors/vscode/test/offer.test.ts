// What becomes of a suggestion, read off the changes that follow it.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Offer } from '../src/offer'

const insert = (offset: number, text: string) => ({ offset, length: 0, text })

test('one character at a time is typed, and the rest is still offered', () => {
  const offer = new Offer('id', 'height:', 10)
  assert.equal(offer.take(insert(10, 'h')), 'typed')
  assert.equal(offer.take(insert(11, 'e')), 'typed')
  assert.equal(offer.rest, 'ight:')
  assert.equal(offer.cursor, 12)
})

test('a word at once was taken, and counts from the beginning', () => {
  const offer = new Offer('id', 'height, depth:', 10)
  assert.equal(offer.take(insert(10, 'height')), 'partly')
  assert.equal(offer.take(insert(16, ', depth')), 'partly')
  assert.equal(offer.acceptedLength, 13)
})

test('all of it at once was accepted, also in place of a bracket that the editor had closed', () => {
  assert.equal(new Offer('id', 'x):', 3).take({ offset: 3, length: 1, text: 'x):' }), 'accepted')
})

test('what was typed can be taken back', () => {
  const offer = new Offer('id', 'abc', 0)
  offer.take(insert(0, 'a'))
  assert.equal(offer.take({ offset: 0, length: 1, text: '' }), 'typed')
  assert.equal(offer.rest, 'abc')
})

test('anything else leaves it', () => {
  assert.equal(new Offer('id', 'abc', 0).take(insert(0, 'x')), 'left')
  assert.equal(new Offer('id', 'abc', 5).take(insert(2, 'a')), 'left')
  assert.equal(new Offer('id', 'abc', 5).take({ offset: 4, length: 1, text: '' }), 'left')
})

test('characters outside the basic plane are counted as the editor counts them', () => {
  const offer = new Offer('id', '😋 = 1', 0)
  assert.equal(offer.take(insert(0, '😋')), 'partly')
  assert.equal(offer.acceptedLength, 2)
})
