--- How the model is, as the server tells: for the statusline, and in words.

local M = {}

---@class codefuse.Status What `codefuse/status` says.
---@field state 'stopped'|'starting'|'loading'|'ready'|'failed'
---@field message string
---@field model string
---@field device string
---@field busy boolean
---@field progress? number
---@field command? string
---@field queuePosition? integer

local by_client = {} ---@type table<integer, codefuse.Status>

---@param value any
---@return any
local function present(value)
  return value ~= vim.NIL and value or nil
end

local function changed()
  vim.api.nvim_exec_autocmds('User', { pattern = 'CodeFuseStatus', modeline = false })
  vim.cmd.redrawstatus({ bang = true })
end

--- Take what the server has told.
---@param client_id integer
---@param status table
function M.take(client_id, status)
  local before = by_client[client_id]
  by_client[client_id] = vim.tbl_map(present, status)
  changed()
  if status.state == 'ready' and before and before.state ~= 'ready' then
    require('codefuse.ghost').again()
  end
end

--- Forget a server that has ended.
---@param client_id integer
function M.forget(client_id)
  by_client[client_id] = nil
  changed()
end

--- How the model is that this buffer's server asks.
---@return codefuse.Status?
function M.current()
  local client = package.loaded['codefuse.client'] and require('codefuse.client').of()
  return client and by_client[client.id]
end

local SIGNS = { stopped = '◌', starting = '…', loading = '…', ready = '●', failed = '✗' }

--- A few words for the statusline.
---@return string
function M.line()
  local client = package.loaded['codefuse.client'] and require('codefuse.client').of()
  if not client then
    return ''
  end
  local status = by_client[client.id]
  local sign = not require('codefuse.ghost').is_enabled() and '○'
    or status and SIGNS[status.state]
    or '…'
  local words = { 'CodeFuse', sign }
  if status and status.state == 'loading' and status.progress then
    table.insert(words, ('%d %%%%'):format(math.floor(100 * status.progress + 0.5)))
  elseif status and status.queuePosition and status.queuePosition > 0 then
    table.insert(words, ('%d before'):format(status.queuePosition))
  elseif status and status.state == 'failed' then
    table.insert(words, 'failed')
  elseif status and status.busy then
    table.insert(words, '✎')
  end
  return table.concat(words, ' ')
end

---@param client vim.lsp.Client
---@param status codefuse.Status
---@return string[]
local function described(client, status)
  local lines = { ('CodeFuse: %s'):format(status.message ~= '' and status.message or status.state) }
  if status.model ~= '' then
    table.insert(
      lines,
      ('  model: %s%s'):format(status.model, status.device ~= '' and ' on ' .. status.device or '')
    )
  end
  if status.command then
    table.insert(lines, ('  this would mend it: %s'):format(status.command))
  end
  local version = client.server_info and client.server_info.version
  local where = client.root_dir and vim.fn.fnamemodify(client.root_dir, ':~') or 'single files'
  table.insert(lines, ('  server: codefuse-lsp %s, for %s'):format(version or '?', where))
  local trusted = require('codefuse.trust').is_trusted(client.root_dir)
  local ghost = require('codefuse.ghost')
  table.insert(
    lines,
    ('  workspace: %s'):format(trusted and 'trusted' or 'not trusted (:CodeFuse trust)')
  )
  local shown = ghost.is_enabled() and 'on, drawn by ' .. require('codefuse.config').renderer()
    or 'off'
  table.insert(lines, ('  ghost text: %s'):format(shown))
  return lines
end

--- Tell the user how it is, as the server says now.
function M.show()
  local client = require('codefuse.client').expect()
  if not client then
    return
  end
  require('codefuse.client').call(client, 'codefuse/status', vim.empty_dict(), {
    on_result = function(status, err)
      if not status then
        vim.notify('CodeFuse: ' .. (err or 'no answer'), vim.log.levels.ERROR)
        return
      end
      M.take(client.id, status)
      require('codefuse.views').show(
        'status',
        table.concat(described(client, by_client[client.id]), '\n'),
        'text'
      )
    end,
  })
end

return M
