--- What the user has asked of the client. Knows none of the server's settings: those are passed on as they are.

local M = {}

---@class codefuse.GhostText
---@field enabled? boolean Ask for suggestions while typing (default true).
--- Who draws them: 'native' is Neovim's own vim.lsp.inline_completion (0.12 and later), 'own' this plugin,
--- 'auto' the former where it exists; 'popup' has the suggestions in the completion popup instead.
---@field renderer? 'auto'|'native'|'own'|'popup'

---@class codefuse.Chat
---@field position? 'right'|'left'|'bottom' Where the chat opens (default 'right').
---@field size? number Of the editor's width or height that it takes (default 0.4).

---@class codefuse.Keymaps Each can be false, for none.
---@field accept? string|false
---@field accept_word? string|false
---@field accept_line? string|false
---@field next? string|false
---@field previous? string|false
---@field dismiss? string|false
---@field ask? string|false Ask for a suggestion now.
---@field prefix? string|false Before the letters of the keys in normal and visual mode.

---@class codefuse.Options
---@field cmd? string[] The server's command line (default { 'codefuse-lsp' }).
---@field filetypes? string[] Only these; all by default.
---@field root_markers? string[] What the folder of a workspace holds.
---@field settings? table<string, any> The server's settings, under the names of its README.
--- Whether what lies in a workspace may be run: the answer for all of them, or for each. By default, what you answered
--- to `:CodeFuse trust`.
---@field trust? boolean|fun(root: string): boolean
---@field ghost_text? codefuse.GhostText
---@field chat? codefuse.Chat
---@field keymaps? codefuse.Keymaps|false
---@field lsp? table What else goes to vim.lsp.start().

---@class codefuse.Config: codefuse.Options
M.defaults = {
  cmd = { 'codefuse-lsp' },
  filetypes = nil,
  root_markers = {
    '.codefuse.toml',
    '.git',
    '.hg',
    'pyproject.toml',
    'package.json',
    'Cargo.toml',
    'go.mod',
  },
  settings = {},
  trust = nil,
  ghost_text = { enabled = true, renderer = 'auto' },
  chat = { position = 'right', size = 0.4 },
  keymaps = {
    accept = '<Tab>',
    accept_word = '<M-Right>',
    accept_line = '<M-C-Right>',
    next = '<M-]>',
    previous = '<M-[>',
    dismiss = '<C-]>',
    ask = '<M-Bslash>',
    prefix = '<leader>a',
  },
  lsp = {},
}

local TYPES = {
  cmd = 'table',
  filetypes = 'table',
  root_markers = 'table',
  settings = 'table',
  trust = { 'boolean', 'function' },
  ghost_text = 'table',
  chat = 'table',
  keymaps = { 'table', 'boolean' },
  lsp = 'table',
}
local CHOICES = {
  renderer = { 'auto', 'native', 'own', 'popup' },
  position = { 'right', 'left', 'bottom' },
}

---@type codefuse.Config
M.current = vim.deepcopy(M.defaults)

---@param sentence string
local function warn(sentence)
  vim.notify('CodeFuse: ' .. sentence, vim.log.levels.WARN)
end

--- Drop what has the wrong type, each with a sentence.
---@param options codefuse.Options
---@return codefuse.Options
local function checked(options)
  local good = {}
  for name, value in pairs(options) do
    local wanted = TYPES[name]
    if not wanted then
      warn(('setup() knows no option %q. See :help codefuse-options.'):format(name))
    elseif not vim.list_contains(type(wanted) == 'table' and wanted or { wanted }, type(value)) then
      warn(
        ('the option %q is a %s; it has to be a %s.'):format(name, type(value), vim.inspect(wanted))
      )
    else
      good[name] = value
    end
  end
  return good
end

---@param part table
---@param name string
local function check_choice(part, name)
  if not vim.list_contains(CHOICES[name], part[name]) then
    warn(
      ('%s is %s; it can be %s.'):format(
        name,
        vim.inspect(part[name]),
        table.concat(CHOICES[name], ', ')
      )
    )
    part[name] = CHOICES[name][1]
  end
end

--- Take the user's options over the defaults; what is wrong is told and left out.
---@param options? codefuse.Options
---@return codefuse.Config
function M.take(options)
  local given = checked(options or {})
  if given.keymaps == true then
    given.keymaps = nil
  end
  local config = vim.tbl_deep_extend('force', M.defaults, given)
  config.cmd = given.cmd or M.defaults.cmd -- lists are replaced, not joined
  check_choice(config.ghost_text, 'renderer')
  check_choice(config.chat, 'position')
  M.current = config
  return config
end

--- Who draws suggestions here: native, own, or popup.
---@return 'native'|'own'|'popup'
function M.renderer()
  local wanted = M.current.ghost_text.renderer
  local native = vim.fn.has('nvim-0.12') == 1
  if wanted == 'auto' or wanted == 'native' then
    return native and 'native' or 'own'
  end
  return wanted
end

return M
