// The text that hunks make of another one. Knows no editor: positions are lines and UTF-16 columns of the old text.
import type { Hunk } from '../protocol'

/** Return `text` with the hunks put in. They do not overlap; their order is free. */
export function withHunks(text: string, hunks: readonly Hunk[]): string {
  const starts = lineStarts(text)
  const places = hunks.map(({ range: { start, end }, newText }) => ({
    from: (starts[start.line] ?? text.length) + start.character,
    to: (starts[end.line] ?? text.length) + end.character,
    newText,
  }))
  return places
    .sort((one, other) => other.from - one.from)
    .reduce((changed, { from, to, newText }) => changed.slice(0, from) + newText + changed.slice(to), text)
}

/** Return whether a text is still the one that the hunks are about. */
export function fits(text: string, hunks: readonly Hunk[]): boolean {
  const starts = lineStarts(text)
  return hunks.every(({ range: { start, end }, oldText }) => {
    const from = (starts[start.line] ?? text.length) + start.character
    const to = (starts[end.line] ?? text.length) + end.character
    return plain(text.slice(from, to)) === plain(oldText)
  })
}

/** Return which hunk a line of the new text belongs to: the one it lies in, or else the nearest. */
export function hunkAt(hunks: readonly Hunk[], line: number): Hunk | undefined {
  let shift = 0
  let nearest: { hunk: Hunk; distance: number } | undefined
  for (const hunk of inOrder(hunks)) {
    const first = hunk.range.start.line + shift
    const length = lineCount(hunk.newText)
    const last = first + Math.max(0, length - 1)
    const distance = line < first ? first - line : Math.max(0, line - last)
    if (!nearest || distance < nearest.distance) nearest = { hunk, distance }
    shift += length - (hunk.range.end.line - hunk.range.start.line)
  }
  return nearest?.hunk
}

/** Return the first line, in the new text, that a hunk has changed. */
export function firstChangedLine(hunks: readonly Hunk[]): number {
  return inOrder(hunks)[0]?.range.start.line ?? 0
}

function inOrder(hunks: readonly Hunk[]): Hunk[] {
  return [...hunks].sort((one, other) => one.range.start.line - other.range.start.line)
}

function lineCount(text: string): number {
  return text.split('\n').length - 1
}

function lineStarts(text: string): number[] {
  const starts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}

/** A text whose lines end as nobody minds. */
function plain(text: string): string {
  return text.replace(/\r\n?/g, '\n')
}
