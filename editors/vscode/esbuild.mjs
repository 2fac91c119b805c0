// Bundle the extension (Node) and its chat view (browser) into dist/. `--watch` builds again at each change.
import { copyFile, mkdir } from 'node:fs/promises'
import { context } from 'esbuild'

const shared = {
  bundle: true,
  minify: true,
  sourcemap: false,
  logLevel: 'info',
  legalComments: 'none',
  charset: 'utf8',
}
const bundles = [
  {
    entryPoints: ['src/extension.ts'],
    outfile: 'dist/extension.js',
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    external: ['vscode'],
  },
  { entryPoints: ['webview/main.ts'], outfile: 'dist/chat.js', platform: 'browser', format: 'iife', target: 'es2022' },
  { entryPoints: ['webview/chat.css'], outfile: 'dist/chat.css', external: ['./codicon.ttf'] },
]

await mkdir('dist', { recursive: true })
const contexts = await Promise.all(bundles.map((bundle) => context({ ...shared, ...bundle })))
await Promise.all(contexts.map((one) => one.rebuild()))
await copyFile('node_modules/@vscode/codicons/dist/codicon.ttf', 'dist/codicon.ttf')
if (process.argv.includes('--watch')) await Promise.all(contexts.map((one) => one.watch()))
else await Promise.all(contexts.map((one) => one.dispose()))
