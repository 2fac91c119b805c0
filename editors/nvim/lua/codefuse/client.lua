--- The language server: started for the buffers it is meant for, asked, and begun again when it dies.
---
--- Knows the wire; knows nothing of windows.

local config = require('codefuse.config')

local M = {}

local NAME = 'codefuse'
local CRASH_SPAN_MS = 180000 -- crashes further apart than this have nothing to do with each other
local MOST_CRASHES = 5
local PATIENCE_MS = 3000 -- with a server that was told to end
local ACKNOWLEDGED_MS = 5000 -- after a cancel that the server has not answered

--- Language ids that are not the name of the filetype.
local LANGUAGES = {
  bash = 'shellscript',
  cs = 'csharp',
  sh = 'shellscript',
  objc = 'objective-c',
  objcpp = 'objective-cpp',
  ps1 = 'powershell',
  text = 'plaintext',
  zsh = 'shellscript',
}

---@class codefuse.Call
---@field cancel fun() Ask the server to stop; what it has said so far comes as the result.

---@class codefuse.Asked
---@field on_result fun(result: any, err?: string, data?: any) Once; result is nil where it failed or was cancelled.
---@field on_delta? fun(text: string, seq: integer) Text as it is written.
---@field bufnr? integer

local streams = {} ---@type table<string, fun(value: table)> by token
local pending = {} ---@type table<integer, table<codefuse.Call, fun(result: any, err?: string)>> by client
local wanted_ends = {} ---@type table<integer, true> clients that were told to stop
local crashes = {} ---@type number[] when
local stopped = false -- by the user
local told_missing = false
local last_client ---@type integer?
local tokens = 0

--- The folder of the workspace that a buffer belongs to.
---@param bufnr integer
---@return string?
function M.root_of(bufnr)
  return vim.fs.root(bufnr, config.current.root_markers)
end

---@param bufnr integer
---@return boolean
local function is_meant(bufnr)
  if not vim.api.nvim_buf_is_loaded(bufnr) or vim.bo[bufnr].buftype ~= '' then
    return false
  end
  local name, filetype = vim.api.nvim_buf_get_name(bufnr), vim.bo[bufnr].filetype
  if name == '' or filetype == '' or vim.b[bufnr].codefuse_disabled then
    return false
  end
  local only = config.current.filetypes
  return (not only or vim.list_contains(only, filetype)) and not name:find('^%a[%w+.-]+://')
end

---@return boolean
local function is_installed()
  local command = config.current.cmd[1]
  if vim.fn.executable(command) == 1 then
    return true
  end
  if not told_missing then
    told_missing = true
    local sentence = 'CodeFuse: there is no program %q. Install it (`pipx install codefuse-lsp` or `uv tool install '
      .. 'codefuse-lsp`), or give its path as `cmd` to setup(). :checkhealth codefuse tells more.'
    vim.notify(sentence:format(command), vim.log.levels.WARN)
  end
  return false
end

local function capabilities()
  local ours = {
    textDocument = { inlineCompletion = { dynamicRegistration = false } },
    workspace = { textDocumentContent = { dynamicRegistration = false } },
    experimental = { codefuse = true },
  }
  local all = vim.tbl_deep_extend('force', vim.lsp.protocol.make_client_capabilities(), ours)
  if config.renderer() == 'popup' then
    all.textDocument.inlineCompletion = nil
  end
  return all
end

--- Start the process, and look at the suggestions before Neovim does.
---@param dispatchers vim.lsp.rpc.Dispatchers
---@return vim.lsp.rpc.PublicClient
local function start(dispatchers)
  local rpc = vim.lsp.rpc.start(config.current.cmd, dispatchers)
  if config.renderer() ~= 'native' then
    return rpc
  end
  local request = rpc.request
  rpc.request = function(method, params, callback, on_reply)
    if method ~= 'textDocument/inlineCompletion' then
      return request(method, params, callback, on_reply)
    end
    return request(method, params, function(err, result, id)
      local bufnr = vim.uri_to_bufnr(params.textDocument.uri)
      local client = vim.lsp.get_clients({ name = NAME, bufnr = bufnr })[1]
      local is_news = not client
        or require('codefuse.ghost.native').is_news(client, bufnr, params.position, result)
      callback(err, is_news and result or nil, id)
    end, on_reply)
  end
  return rpc
end

local handlers = {
  ['$/progress'] = function(err, params, context)
    local take = streams[params.token]
    if take then
      take(params.value)
    else
      vim.lsp.handlers['$/progress'](err, params, context)
    end
  end,
  ['codefuse/status'] = function(_, status, context)
    require('codefuse.status').take(context.client_id, status)
  end,
  ['window/showDocument'] = function(err, params, context)
    if vim.startswith(params.uri, 'codefuse:') then
      return { success = require('codefuse.views').open(params.uri, context.client_id) }
    end
    return vim.lsp.handlers['window/showDocument'](err, params, context)
  end,
  ['workspace/textDocumentContent/refresh'] = function(_, params)
    require('codefuse.views').refresh(params.uri)
    return vim.NIL
  end,
}

---@param root string?
---@return vim.lsp.ClientConfig
local function client_config(root)
  local options = vim.deepcopy(config.current.settings)
  options.trusted = require('codefuse.trust').is_trusted(root)
  return vim.tbl_deep_extend('force', {
    name = NAME,
    cmd = start,
    root_dir = root,
    init_options = options,
    settings = { codefuse = vim.deepcopy(config.current.settings) },
    capabilities = capabilities(),
    handlers = handlers,
    get_language_id = function(_, filetype)
      return LANGUAGES[filetype] or filetype
    end,
    on_exit = vim.schedule_wrap(M._exited),
    on_attach = function(client, bufnr)
      last_client = client.id
      require('codefuse.ghost').attach(client, bufnr)
      require('codefuse.keymaps').attach(bufnr)
    end,
  }, config.current.lsp)
end

--- Let the server know a buffer, if it is meant for it.
---@param bufnr integer
function M.attach(bufnr)
  if stopped or not is_meant(bufnr) or not is_installed() then
    return
  end
  if #vim.lsp.get_clients({ name = NAME, bufnr = bufnr }) == 0 then
    vim.lsp.start(client_config(M.root_of(bufnr)), { bufnr = bufnr })
  end
end

--- Let the server know all buffers that it is meant for.
function M.attach_all()
  for _, bufnr in ipairs(vim.api.nvim_list_bufs()) do
    M.attach(bufnr)
  end
end

---@return vim.lsp.Client[]
function M.all()
  return package.loaded['vim.lsp'] and vim.lsp.get_clients({ name = NAME }) or {}
end

--- The server of a buffer, else the one that was used last.
---@param bufnr? integer
---@return vim.lsp.Client?
function M.of(bufnr)
  local here =
    vim.lsp.get_clients({ name = NAME, bufnr = bufnr or vim.api.nvim_get_current_buf() })[1]
  if here then
    last_client = here.id
    return here
  end
  local last = last_client and vim.lsp.get_client_by_id(last_client)
  return last and not last:is_stopped() and last or M.all()[1]
end

--- The server of a buffer; where there is none, the user is told so.
---@param bufnr? integer
---@return vim.lsp.Client?
function M.expect(bufnr)
  local client = M.of(bufnr)
  if not client and not stopped then
    M.attach(bufnr or vim.api.nvim_get_current_buf())
    client = M.of(bufnr)
  end
  if not client then
    local why = stopped and 'it was stopped; `:CodeFuse restart` begins anew'
      or 'open a file that it is meant for'
    vim.notify(('CodeFuse: no language server is running: %s.'):format(why), vim.log.levels.WARN)
  end
  return client
end

--- What an error of the server's tells the user.
---@param err lsp.ResponseError
---@param method string
---@return string
local function sentence_of(err, method)
  if err.code == vim.lsp.protocol.ErrorCodes.MethodNotFound then
    return ('this codefuse-lsp does not know %s yet; update it'):format(method)
  end
  return err.message or 'the server could not answer'
end

--- Ask the server; the answer comes once, also when it was cancelled or the server has died.
---@param client vim.lsp.Client
---@param method string
---@param params table?
---@param asked codefuse.Asked
---@return codefuse.Call
function M.call(client, method, params, asked)
  local call, over = {}, false
  local token ---@type string?

  local function finish(result, err, data)
    if over then
      return
    end
    over = true
    pending[client.id][call] = nil
    if token then
      streams[token] = nil
    end
    asked.on_result(result, err, data)
  end

  if asked.on_delta then
    tokens = tokens + 1
    token = ('codefuse-nvim-%d'):format(tokens)
    params = vim.tbl_extend('force', params or {}, { partialResultToken = token })
    streams[token] = function(value)
      asked.on_delta(value.text, value.seq)
    end
  end
  pending[client.id] = pending[client.id] or {}
  pending[client.id][call] = finish

  local function answered(err, result)
    finish(not err and result or nil, err and sentence_of(err, method) or nil, err and err.data)
  end
  local sent, request = client:request(method, params, answered, asked.bufnr or 0)
  if not sent then
    vim.schedule(function()
      finish(nil, 'the language server is not running')
    end)
  end

  function call.cancel()
    if not over and request then
      client:cancel_request(request)
      vim.defer_fn(function()
        finish()
      end, ACKNOWLEDGED_MS) -- Neovim keeps the answer to itself where the server only acknowledges
    end
  end
  return call
end

--- Tell the server something that it need not answer.
---@param client vim.lsp.Client
---@param method string
---@param params table
function M.tell(client, method, params)
  client:notify(method, params)
end

--- Change settings while the server runs.
---@param settings table<string, any>
function M.configure(settings)
  config.current.settings = vim.tbl_extend('force', config.current.settings, settings)
  for _, client in ipairs(M.all()) do
    client.settings = { codefuse = vim.deepcopy(config.current.settings) }
    client:notify('workspace/didChangeConfiguration', { settings = client.settings })
  end
end

--- End all servers, until they are asked for again.
function M.stop()
  stopped = true
  for _, client in ipairs(M.all()) do
    wanted_ends[client.id] = true
    client:stop()
    vim.defer_fn(function()
      client:stop(true) -- one that does not listen any more
    end, PATIENCE_MS)
  end
end

--- Begin anew, with the options of today.
function M.restart()
  local clients = M.all()
  M.stop()
  crashes, told_missing = {}, false
  local function again()
    stopped = false
    M.attach_all()
  end
  if #clients == 0 then
    return again()
  end
  local left = #clients
  vim.api.nvim_create_autocmd('User', {
    pattern = 'CodeFuseEnded',
    callback = function()
      left = left - 1
      if left == 0 then
        again()
        return true
      end
    end,
  })
end

---@param code integer
---@param signal integer
---@param client_id integer
function M._exited(code, signal, client_id)
  require('codefuse.status').forget(client_id)
  for _, finish in pairs(pending[client_id] or {}) do
    finish(nil, 'the language server ended before it had answered')
  end
  pending[client_id] = nil
  local wanted = wanted_ends[client_id] or (code == 0 and signal == 0) or vim.v.exiting ~= vim.NIL
  wanted_ends[client_id] = nil
  vim.api.nvim_exec_autocmds('User', { pattern = 'CodeFuseEnded', modeline = false })
  if not wanted then
    M._come_back(signal ~= 0 and ('signal %d'):format(signal) or ('code %d'):format(code))
  end
end

--- Begin again after a crash: at once the first time, later and later the next times, and not for ever.
---@param reason string
function M._come_back(reason)
  local now = vim.uv.now()
  crashes = vim.tbl_filter(function(time)
    return now - time < CRASH_SPAN_MS
  end, crashes)
  table.insert(crashes, now)
  if #crashes > MOST_CRASHES then
    local sentence = 'CodeFuse: the language server has ended %d times (%s the last time) and is left alone now. '
      .. '`:CodeFuse log` shows why, `:CodeFuse restart` tries again.'
    vim.notify(sentence:format(#crashes, reason), vim.log.levels.ERROR)
    return
  end
  vim.notify(
    ('CodeFuse: the language server ended (%s); it begins again.'):format(reason),
    vim.log.levels.WARN
  )
  vim.defer_fn(M.attach_all, #crashes == 1 and 0 or 1000 * 2 ^ (#crashes - 2))
end

--- Whether the user has stopped it.
---@return boolean
function M.is_stopped()
  return stopped
end

return M
