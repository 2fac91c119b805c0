--- `:checkhealth codefuse`: whether everything is there, and what mends what is not.

local config = require('codefuse.config')

local M = {}

local TIMEOUT_MS = 20000
local health = vim.health

local function check_editor()
  health.start('Neovim')
  local version = tostring(vim.version())
  if vim.fn.has('nvim-0.11') == 0 then
    health.error(('Neovim %s is too old: 0.11 is needed.'):format(version))
    return
  end
  local renderer = config.renderer()
  local by = {
    native = "Neovim's own vim.lsp.inline_completion",
    own = 'this plugin',
    popup = 'the completion popup',
  }
  health.ok(('Neovim %s; ghost text is drawn by %s.'):format(version, by[renderer]))
  local has_setup = pcall(vim.api.nvim_get_autocmds, { group = 'codefuse' })
  if not has_setup then
    health.error(
      'setup() was not called.',
      { "Put `require('codefuse').setup({})` into your init.lua." }
    )
  end
end

---@return boolean
local function check_program()
  health.start('The language server')
  local command = config.current.cmd
  if vim.fn.executable(command[1]) == 0 then
    health.error(('There is no program %q.'):format(command[1]), {
      'Install it: `pipx install codefuse-lsp`, `uv tool install codefuse-lsp`, or into an environment of its own.',
      "Or say where it is: `require('codefuse').setup({ cmd = { '/path/to/codefuse-lsp' } })`.",
    })
    return false
  end
  health.ok(('%s is %s.'):format(command[1], vim.fn.exepath(command[1])))
  return true
end

--- What the server's own doctor finds.
local function check_doctor()
  health.start('codefuse-lsp doctor')
  local line = vim.list_extend(vim.deepcopy(config.current.cmd), { 'doctor' })
  local started, process =
    pcall(vim.system, line, { text = true, env = { NO_COLOR = '1', COLUMNS = '100' } })
  if not started then
    return health.error(process --[[@as string]])
  end
  local done = process:wait(TIMEOUT_MS)
  local report = vim.trim((done.stdout or '') .. (done.stderr or ''))
  if done.code == 0 then
    health.ok('It finds nothing wrong:\n' .. report)
  elseif done.signal ~= 0 then
    health.warn(('It took more than %d s.'):format(TIMEOUT_MS / 1000))
  else
    health.error('It finds something wrong:\n' .. report)
  end
end

local function check_clients()
  health.start('What is running')
  local client_of = require('codefuse.client')
  local clients = client_of.all()
  if client_of.is_stopped() then
    health.warn('It was stopped.', { '`:CodeFuse restart` begins anew.' })
  elseif #clients == 0 then
    health.info('No language server is ready: it starts with the first file that it is meant for.')
  end
  for _, client in ipairs(clients) do
    local buffers = vim.tbl_count(client.attached_buffers)
    health.ok(
      ('%s: %d buffers, %s.'):format(
        client.root_dir or 'single files',
        buffers,
        client.offset_encoding
      )
    )
  end
  local status = require('codefuse.status').current()
  if status then
    local say = status.state == 'failed' and health.error or health.ok
    say(
      ('The model: %s'):format(status.message),
      status.command and { ('Run `%s`.'):format(status.command) }
    )
  end
end

local function check_keys()
  health.start('Keys')
  local keys = config.current.keymaps
  if not keys then
    return health.info('Turned off: `keymaps = false`.')
  end
  for name, lhs in
    vim.spairs(keys --[[@as table]])
  do
    health.info(('%s: %s'):format(name, lhs or 'none'))
  end
end

function M.check()
  check_editor()
  if check_program() then
    check_doctor()
  end
  check_clients()
  check_keys()
end

return M
