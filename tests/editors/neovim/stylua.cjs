// Name the Lua files that are not laid out as editors/nvim/stylua.toml says; with --write, lay them out so.
// Usage: node stylua.cjs FOLDER_WITH_THE_PACKAGE [--write] FILE…
const { readFileSync, writeFileSync } = require('node:fs')
const { createRequire } = require('node:module')
const { join } = require('node:path')

const [, , folder, ...rest] = process.argv
const { Config, IndentType, QuoteStyle, CallParenType, OutputVerification, formatCode } = createRequire(
  join(folder, 'package.json'),
)('@johnnymorganz/stylua')
const CHOICES = { indent_type: IndentType, quote_style: QuoteStyle, call_parentheses: CallParenType }
const TOML = join(__dirname, '../../../editors/nvim/stylua.toml')

function configured() {
  const config = Config.new()
  for (const [, name, value] of readFileSync(TOML, 'utf8').matchAll(/^(\w+) = (.*)$/gm))
    config[name] = CHOICES[name] ? CHOICES[name][JSON.parse(value)] : JSON.parse(value)
  return config
}

const files = rest.filter((word) => word !== '--write')
for (const file of files) {
  const text = readFileSync(file, 'utf8')
  const laid = formatCode(text, configured(), undefined, OutputVerification.None)
  if (laid === text) continue
  process.exitCode = 1
  console.log(file)
  if (rest.includes('--write')) writeFileSync(file, laid)
}
