// A conversation, and what becomes of it when the user does not wait for answers.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { ToView } from '../src/chat/messages'
import { Talk } from '../src/chat/talk'
import { Method } from '../src/protocol'
import type { Session } from '../src/server/session'

interface Asked {
  method: string
  params: Record<string, unknown>
  say: (text: string) => void
  answer: (result: unknown) => Promise<void>
  fail: (error: Error) => Promise<void>
  isStopped: () => boolean
}

/** A server whose answers come when the test says so, and a page that keeps what it is told. */
function scene() {
  const asked: Asked[] = []
  const shown: ToView[] = []
  const request = (method: string, params: object, token?: { isCancellationRequested: boolean }, say = () => {}) =>
    new Promise((resolve, reject) => {
      const settled = (act: () => void) => {
        act()
        return new Promise<void>((done) => setImmediate(done)) // until all that waits for it has run
      }
      asked.push({
        method,
        params: params as Record<string, unknown>,
        say,
        answer: (result) => settled(() => resolve(result)),
        fail: (error) => settled(() => reject(error)),
        isStopped: () => token?.isCancellationRequested ?? false,
      })
    })
  const session = {
    request,
    stream: (method: string, params: object, say: () => void, token: never) => request(method, params, token, say),
  }
  const talk = new Talk(session as unknown as Session, (message) => shown.push(message))
  return { talk, asked, shown, last: () => asked.at(-1) as Asked }
}

const result = (turnId: string, text: string, conversationId = 'c1') => ({
  conversationId,
  questionId: `q${turnId}`,
  turnId,
  text,
  finishReason: 'stop',
})
const conversation = (conversationId: string, ...texts: string[]) => ({
  conversationId,
  title: conversationId,
  turns: texts.map((text, index) => ({
    turnId: `${conversationId}-${index}`,
    role: index % 2 ? 'bot' : 'human',
    text,
  })),
})

/** What the page shows in the end: the texts of the turns. */
function texts(shown: ToView[]): string[] {
  const from = shown.findLastIndex(({ type }) => type === 'conversation')
  const begun = shown[from]
  const turns = begun?.type === 'conversation' ? begun.turns.map(({ text }) => text) : []
  const ends = shown.slice(from + 1).filter((message) => message.type === 'end')
  return [...turns, ...ends.flatMap(({ question, turn }) => [question.text, turn.text])]
}

test('a question that is asked next goes into the conversation of the first', async () => {
  const { talk, last, shown } = scene()
  void talk.ask('one', [])
  await last().answer(result('t1', 'first'))
  void talk.ask('two', [])
  assert.equal(last().params['conversationId'], 'c1')
  await last().answer(result('t2', 'second'))
  assert.deepEqual(texts(shown), ['one', 'first', 'two', 'second'])
})

test('a new conversation is empty, and stays so when the answer that was being written ends', async () => {
  const { talk, last, shown } = scene()
  void talk.ask('one', [])
  const writing = last()
  writing.say('fir')
  talk.begin()
  assert.ok(writing.isStopped())
  await writing.answer({ ...result('t1', 'fir'), finishReason: 'cancelled' })
  assert.deepEqual(texts(shown), [])
  assert.equal(talk.id, undefined)
  assert.equal(talk.isRunning, false)
  void talk.ask('two', [])
  assert.equal(last().params['conversationId'], undefined)
})

test('a conversation that is opened while another answer is written is not mixed with it', async () => {
  const { talk, last, shown } = scene()
  void talk.ask('one', [])
  const writing = last()
  void talk.open('c2')
  const opening = last()
  await writing.answer(result('t1', 'first'))
  await opening.answer(conversation('c2', 'old', 'answer'))
  assert.deepEqual(texts(shown), ['old', 'answer'])
  assert.equal(talk.id, 'c2')
})

test('of two that are opened one after the other the last is shown, whichever comes first', async () => {
  const { talk, asked, shown } = scene()
  void talk.open('c1')
  void talk.open('c2')
  await asked[1]?.answer(conversation('c2', 'second'))
  await asked[0]?.answer(conversation('c1', 'first'))
  assert.deepEqual(texts(shown), ['second'])
})

test('a conversation that comes when a question has been asked already is left alone', async () => {
  const { talk, asked, shown } = scene()
  void talk.open('c9')
  void talk.ask('one', [])
  await asked[0]?.answer(conversation('c9', 'old'))
  await asked[1]?.answer(result('t1', 'first'))
  assert.deepEqual(texts(shown), ['one', 'first'])
  assert.equal(talk.id, 'c1')
})

test('a conversation that cannot be opened leaves the one that is shown', async () => {
  const { talk, last, shown } = scene()
  void talk.ask('one', [])
  await last().answer(result('t1', 'first'))
  const opening = assert.rejects(talk.open('gone'))
  await last().fail(new Error('there is no such conversation'))
  await opening
  assert.deepEqual(texts(shown), ['one', 'first'])
})

test('what was said is still there when another answer to it fails', async () => {
  const { talk, last, shown } = scene()
  void talk.ask('one', [])
  await last().answer(result('t1', 'first'))
  void talk.regenerate('t1')
  await last().fail(new Error('the server is gone'))
  assert.deepEqual(texts(shown), ['one', 'first'])
  const failed = shown.at(-1)
  assert.ok(failed?.type === 'failed' && failed.message === 'the server is gone' && failed.question === '')
  assert.notEqual(last().method, Method.openConversation)
})

test('a question that was not answered is given back with what it was about', async () => {
  const { talk, last, shown } = scene()
  void talk.ask('one', [{ uri: 'file:///a.py' }])
  await last().fail(new Error('no'))
  const failed = shown.at(-1)
  assert.ok(failed?.type === 'failed' && failed.question === 'one' && failed.references[0]?.uri === 'file:///a.py')
})

test('earlier turns are put before the others, and the view stays where it was', async () => {
  const { talk, last, shown } = scene()
  void talk.open('c1')
  await last().answer({ ...conversation('c1', 'three', 'four'), earlier: 2 })
  void talk.showEarlier()
  assert.equal(last().params['beforeTurnId'], 'c1-0')
  await last().answer({ ...conversation('c0', 'one', 'two'), earlier: 0 })
  assert.deepEqual(texts(shown), ['one', 'two', 'three', 'four'])
  const all = shown.at(-1)
  assert.ok(all?.type === 'conversation' && all.at === 'c1-0')
})

test('earlier turns of a conversation that was left are not shown in another', async () => {
  const { talk, last, shown } = scene()
  void talk.open('c1')
  await last().answer({ ...conversation('c1', 'three', 'four'), earlier: 2 })
  void talk.showEarlier()
  const looking = last()
  talk.begin()
  await looking.answer(conversation('c0', 'one', 'two'))
  assert.deepEqual(texts(shown), [])
})
