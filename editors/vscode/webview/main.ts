// The chat view: the conversation above, the question below. It shows, and asks the extension for all else.
import type { SlashCommand, ToView } from '../src/chat/messages'
import { Composer } from './composer'
import { codicon, element } from './elements'
import { tell } from './host'
import { Transcript } from './transcript'

const status = element('div', { class: 'status', role: 'status', hidden: true })
const announcer = element('div', { class: 'unseen', role: 'status', 'aria-live': 'polite' })
const starters = element('div', { class: 'starters' })
const welcome = element(
  'section',
  { class: 'welcome', 'aria-label': 'Welcome' },
  codicon('sparkle'),
  element('h2', {}, 'Ask CodeFuse'),
  element('p', {}, 'A model on your own machine answers. It can be wrong; read what it writes.'),
  starters,
)
const transcript = new Transcript(welcome, (word) => (announcer.textContent = word))
const composer = new Composer()

document.body.append(transcript.element, status, composer.element, announcer)
transcript.element.addEventListener('scroll', () => transcript.scrolled(), { passive: true })
window.addEventListener('message', (event: MessageEvent<ToView>) => hear(event.data))
window.addEventListener('focus', () => {
  if (document.activeElement === document.body) composer.focus()
})
window.addEventListener('keydown', (event) => {
  if (event.isComposing) return
  if (event.key === 'Escape') composer.stop()
  if (!event.ctrlKey || !['ArrowUp', 'ArrowDown'].includes(event.key)) return
  event.preventDefault() // from message to message, with the question behind the last one
  if (event.key === 'ArrowUp') transcript.step(-1)
  else if (!transcript.step(1)) composer.focus()
})
if (document.hasFocus()) composer.focus()
tell({ type: 'ready' })

function hear(message: ToView): void {
  switch (message.type) {
    case 'conversation':
      composer.isRunning = message.running !== undefined
      return transcript.showAll(message)
    case 'begin':
      composer.isRunning = true
      return transcript.begin(message.running)
    case 'delta':
      return transcript.delta(message.text)
    case 'end':
      composer.isRunning = false
      return transcript.end(message)
    case 'failed':
      composer.isRunning = false
      transcript.failed(message)
      return message.question ? composer.giveBack(message.question, message.references) : undefined
    case 'completions':
      return composer.take(message.id, message.items)
    case 'commands':
      return showStarters(message.commands)
    case 'chip':
      return composer.add(message.chip)
    case 'selection':
      return composer.offer(message.chip)
    case 'status':
      status.textContent = message.word
      status.hidden = !message.word
      return
    case 'focus':
      return composer.focus()
  }
}

/** What the server's commands are, to begin with. */
function showStarters(commands: SlashCommand[]): void {
  const buttons = commands.slice(0, 6).map(({ name, description }) => {
    const command = `/${name.replace(/^\//, '')}`
    return element(
      'button',
      { type: 'button', class: 'starter', click: () => composer.put(`${command} `) },
      element('span', { class: 'name' }, command),
      element('span', { class: 'detail' }, description),
    )
  })
  starters.replaceChildren(...buttons)
}
