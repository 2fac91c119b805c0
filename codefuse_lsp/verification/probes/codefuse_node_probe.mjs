// A reporter for node:test that tells how each test ended, at once. Loaded by the workspace's Node.js (18.15 and later).
// Input: the runner's events, and CODEFUSE_MARK. Output: lines of JSON behind that mark.
import { inspect } from 'node:util';

const mark = process.env.CODEFUSE_MARK ?? '';
const tell = (event) => `\n${mark}${JSON.stringify(event)}\n`;
const inOneLine = { depth: 4, breakLength: Infinity };
const shown = (value) => (typeof value === 'string' ? JSON.stringify(value) : inspect(value, inOneLine)).slice(0, 400);

function failure(error) {
  const cause = error?.cause ?? error ?? {};
  const asserted = cause.code === 'ERR_ASSERTION' || cause.name === 'AssertionError';
  const compared = asserted && 'actual' in cause && 'expected' in cause;
  return {
    ending: asserted ? 'failed' : 'error',
    message: String(cause.message ?? cause),
    stack: String(cause.stack ?? ''),
    sides: compared ? [shown(cause.actual), shown(cause.expected)] : ['', ''],
  };
}

export default async function* report(source) {
  const path = [];
  for await (const { type, data } of source) {
    if (type === 'test:start') {
      path.length = data.nesting;
      path.push(data.name);
      yield tell({ event: 'start', path });
    } else if (type === 'test:pass' || type === 'test:fail') {
      const at = [...path.slice(0, data.nesting), data.name];
      const details = type === 'test:fail' ? failure(data.details?.error) : {};
      const ending = data.skip !== undefined || data.todo !== undefined ? 'skipped' : 'passed';
      yield tell({ event: 'end', path: at, suite: data.details?.type === 'suite', ending, ...details });
    } else if (type === 'test:stderr') {
      yield tell({ event: 'printed', text: String(data.message).slice(0, 4000) });
    }
  }
}
