// Hands and eyes of the tests in the workbench: one JSON object a line comes in, one goes out for each.
//
//   {"do": "wait", "selector": "…", "text": "…"}  ->  {"result": …}  or  {"error": "…"}
//
// Knows nothing of CodeFuse. Every wait is for a sign on the screen and ends in an error after `patience` milliseconds.
// Usage: node driver.mjs PLAYWRIGHT_FOLDER PATIENCE_MS
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const [, , playwright, patienceText] = process.argv
const { chromium } = createRequire(import.meta.url)(playwright)
const patience = Number(patienceText)
const POLL_MS = 50 // a look at each frame takes half of what the workbench needs
const CHROMIUM = '/usr/bin/chromium'
const FLAGS = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu']

let browser, page

/** Where a command works: the workbench, or the view of an extension, which is a frame in a frame. */
function place({ view }) {
  return view ? page.frameLocator(`iframe.webview.ready >> nth=${view - 1}`).frameLocator('iframe#active-frame') : page
}

/** What a command is about: all elements of a selector, with a text if one is given. */
function found(command) {
  const elements = place(command).locator(command.selector)
  return command.text === undefined ? elements : elements.filter({ hasText: command.text })
}

/** Return the texts of elements from the top of the screen down: the editor keeps its lines in any order. */
async function texts(command) {
  const seen = await found(command).evaluateAll((elements) =>
    elements
      .map((element) => ({ top: element.getBoundingClientRect().top, text: element.innerText ?? element.textContent }))
      .sort((one, other) => one.top - other.top)
      .map(({ text }) => text.replace(/\u00a0/g, ' ')),
  )
  return seen
}

function threadOf({ pid, tid }) {
  return `${pid}/${tid}`
}

const commands = {
  async open({ url, width, height }) {
    browser ??= await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
    await page?.context().close()
    const context = await browser.newContext({ viewport: { width, height } })
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    page = await context.newPage()
    page.setDefaultTimeout(patience)
    await page.goto(url, { waitUntil: 'domcontentloaded' })
  },
  async reload() {
    await page.reload({ waitUntil: 'domcontentloaded' })
  },
  async wait(command) {
    await found(command).first().waitFor({ state: command.state ?? 'visible', timeout: command.patience ?? patience })
  },
  /** Wait until a function of the elements' texts is true: `test` is the body of one. */
  async until(command) {
    const holds = new Function('texts', `return ${command.test}`)
    const end = Date.now() + (command.patience ?? patience)
    for (;;) {
      const seen = await texts(command)
      if (holds(seen)) return seen
      if (Date.now() > end) throw new Error(`never ${command.test}; last seen: ${JSON.stringify(seen)}`)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  },
  texts,
  async count(command) {
    return found(command).count()
  },
  async attribute(command) {
    return found(command).first().getAttribute(command.name)
  },
  async click(command) {
    await found(command).first().click({ button: command.button ?? 'left', clickCount: command.times ?? 1 })
  },
  async hover(command) {
    await found(command).first().hover()
  },
  async fill(command) {
    await found(command).first().fill(command.value)
  },
  async type({ value, delay }) {
    await page.keyboard.type(value, { delay: delay ?? 0 })
  },
  /** Put a text in at once, as a paste does. */
  async insert({ value }) {
    await page.keyboard.insertText(value)
  },
  async press({ keys }) {
    for (const key of keys) await page.keyboard.press(key)
  },
  async evaluate(command) {
    const target = place(command).locator(command.selector ?? 'body').first()
    return target.evaluate((element, body) => new Function('element', body)(element), command.body)
  },
  /** Take the focus out of whatever frame has it, or had it before it went. */
  async focus() {
    await page.evaluate(() => {
      if (document.activeElement instanceof HTMLIFrameElement) document.activeElement.blur()
      window.focus()
    })
  },
  async resize({ width, height }) {
    await page.setViewportSize({ width, height })
  },
  async screenshot({ path, clip }) {
    await page.screenshot({ path, ...(clip ? { clip } : {}) })
  },
  async record() {
    const categories = ['devtools.timeline', 'disabled-by-default-devtools.timeline']
    await browser.startTracing(page, { categories })
  },
  /** End a recording: the longest tasks of pages' main threads, in milliseconds of the processor's time. */
  async recorded() {
    const { traceEvents } = JSON.parse((await browser.stopTracing()).toString())
    const tasks = traceEvents.filter(({ name, ph, tdur }) => name === 'RunTask' && ph === 'X' && tdur !== undefined)
    const mains = new Set(
      traceEvents.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain').map(threadOf),
    )
    const times = tasks.filter((task) => mains.has(threadOf(task))).map(({ tdur }) => tdur / 1000)
    if (process.env.TRACE) writeFileSync(process.env.TRACE, JSON.stringify(traceEvents))
    return times.sort((one, other) => other - one).slice(0, 20)
  },
  async close() {
    await browser?.close()
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line)
  let answer
  try {
    answer = { result: (await commands[command.do](command)) ?? null }
  } catch (error) {
    answer = { error: String(error.message ?? error).slice(0, 2000) }
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`)
  if (command.do === 'close') break
}
await browser?.close()
process.exit()
