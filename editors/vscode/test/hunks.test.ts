// What hunks make of a text, and which of them a line belongs to.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { firstChangedLine, fits, hunkAt, withHunks } from '../src/proposals/hunks'
import type { Hunk } from '../src/protocol'

const TEXT = 'a\nb\nc\nd\ne\n'

function hunk(first: number, last: number, newText: string): Hunk {
  return { range: { start: { line: first, character: 0 }, end: { line: last, character: 0 } }, oldText: '', newText }
}

test('hunks are put in wherever they stand in the list', () => {
  assert.equal(withHunks(TEXT, [hunk(3, 4, 'D\n'), hunk(0, 1, 'A\nA\n')]), 'A\nA\nb\nc\nD\ne\n')
})

test('no hunk leaves the text as it is', () => {
  assert.equal(withHunks(TEXT, []), TEXT)
})

test('an insertion replaces nothing, also behind the last line', () => {
  assert.equal(withHunks(TEXT, [hunk(5, 5, 'f\n')]), `${TEXT}f\n`)
  assert.equal(withHunks('', [hunk(0, 0, 'first\n')]), 'first\n')
})

test('columns count', () => {
  const part: Hunk = {
    range: { start: { line: 1, character: 0 }, end: { line: 1, character: 1 } },
    oldText: 'b',
    newText: 'B',
  }
  assert.equal(withHunks(TEXT, [part]), 'a\nB\nc\nd\ne\n')
})

test('a line of the new text belongs to the hunk that it lies in, or else to the nearest', () => {
  const first = hunk(0, 1, 'A\nA\nA\n')
  const second = hunk(4, 5, 'E\n') // line 6 of the new text
  assert.equal(hunkAt([second, first], 1), first)
  assert.equal(hunkAt([second, first], 3), first)
  assert.equal(hunkAt([second, first], 6), second)
  assert.equal(hunkAt([], 0), undefined)
  assert.equal(firstChangedLine([second, first]), 0)
})

test('a text that was changed where hunks are is not the one that they are about', () => {
  const change: Hunk = { ...hunk(1, 2, 'B\n'), oldText: 'b\n' }
  assert.ok(fits(TEXT, [change]))
  assert.ok(fits(TEXT.replaceAll('\n', '\r\n'), [change]))
  assert.ok(fits(`${TEXT}f\n`, [change]))
  assert.ok(!fits(`new\n${TEXT}`, [change]))
  assert.ok(!fits('', [change]))
})
