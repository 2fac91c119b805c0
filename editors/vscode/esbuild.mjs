// Bundle the extension (Node) and its chat view (browser) into dist/. `--watch` builds again at each change.
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { context } from 'esbuild'

const shared = { bundle: true, minify: true, metafile: true, logLevel: 'info', legalComments: 'none', charset: 'utf8' }
const extension = {
  entryPoints: ['src/extension.ts'],
  outfile: 'dist/extension.js',
  platform: 'node',
  format: 'cjs',
  supported: { 'dynamic-import': false },
}
const client = { ...extension, entryPoints: ['src/server/client.ts'], outfile: 'dist/client.js' } // loaded later
const page = { entryPoints: ['webview/main.ts'], outfile: 'dist/chat.js', platform: 'browser', format: 'iife' }
const style = { entryPoints: ['webview/chat.css'], outfile: 'dist/chat.css', external: ['./codicon.ttf'] }

await mkdir('dist', { recursive: true })
const contexts = await Promise.all([
  context({ ...shared, ...extension, target: 'node20', external: ['vscode', './client.js'] }),
  context({ ...shared, ...client, target: 'node20', external: ['vscode'] }),
  context({ ...shared, ...page, target: 'es2022' }),
  context({ ...shared, ...style }),
])
const built = await Promise.all(contexts.map((one) => one.rebuild()))
await copyFile('node_modules/@vscode/codicons/dist/codicon.ttf', 'dist/codicon.ttf')
await writeFile('dist/NOTICES.txt', await notices(built.flatMap(({ metafile }) => Object.keys(metafile.inputs))))
if (process.argv.includes('--watch')) await Promise.all(contexts.map((one) => one.watch()))
else await Promise.all(contexts.map((one) => one.dispose()))

/** Return the licences of the packages that the bundles are made of. */
async function notices(inputs) {
  const folders = inputs.map((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]).filter(Boolean)
  const packages = [...new Set([...folders, 'node_modules/@vscode/codicons'])].sort()
  return (await Promise.all(packages.map(notice))).join(`\n${'-'.repeat(80)}\n\n`)
}

async function notice(folder) {
  const { name, version, license } = JSON.parse(await readFile(`${folder}/package.json`, 'utf8'))
  const file = (await readdir(folder)).find((one) => /^(licen[cs]e|copying)/i.test(one))
  return `${name} ${version} (${license})\n\n${file ? await readFile(`${folder}/${file}`, 'utf8') : ''}`
}
