--- Ghost text: when suggestions are asked for, and what the user does with them, whoever draws them.

local config = require('codefuse.config')
local own = require('codefuse.ghost.own')

local M = {}

local enabled ---@type boolean?

---@return boolean
local function is_native()
  return config.renderer() == 'native'
end

---@return table
local function native()
  return require('codefuse.ghost.native')
end

--- Whether suggestions are asked for while typing.
---@return boolean
function M.is_enabled()
  if enabled == nil then
    enabled = config.current.ghost_text.enabled ~= false
  end
  return enabled and config.renderer() ~= 'popup'
end

---@param client vim.lsp.Client
local function ask_while_typing(client)
  own.follow()
  local is_typing = vim.startswith(vim.api.nvim_get_mode().mode, 'i')
  if M.is_enabled() and not is_native() and is_typing and not client:is_stopped() then
    own.ask(client, false)
  end
end

--- Watch a buffer that the server has got to know.
---@param client vim.lsp.Client
---@param bufnr integer
function M.attach(client, bufnr)
  if config.renderer() == 'popup' then
    vim.lsp.completion.enable(true, client.id, bufnr, { autotrigger = true })
    return
  end
  local group = vim.api.nvim_create_augroup(('codefuse.ghost.%d'):format(bufnr), { clear = true })
  local function on(events, callback)
    vim.api.nvim_create_autocmd(events, { group = group, buffer = bufnr, callback = callback })
  end
  on({ 'InsertEnter', 'CursorMovedI', 'TextChangedI', 'TextChangedP' }, function()
    ask_while_typing(client)
  end)
  on({ 'InsertLeave', 'BufLeave' }, function()
    own.forget()
    own.clear(true)
    if is_native() then
      native().forget()
    end
  end)
  if is_native() then
    native().enable(bufnr, M.is_enabled())
  end
end

--- Accept the suggestion, or the next part of it. Returns false where none is shown.
---@param kind 'all'|'word'|'line'
---@return boolean
function M.accept(kind)
  if is_native() then
    return native().accept(kind)
  end
  return own.accept(kind)
end

--- Show another suggestion.
---@param count integer
function M.cycle(count)
  if is_native() then
    return native().cycle(count)
  end
  local client = require('codefuse.client').expect()
  if client then
    own.cycle(client, count)
  end
end

--- Take the suggestion away.
---@return boolean
function M.dismiss()
  if own.is_shown() then
    own.clear(true)
    return true
  end
  return is_native() and native().dismiss()
end

--- Ask for a suggestion now, also where typing asks for none.
function M.ask()
  local client = require('codefuse.client').expect()
  if client then
    M.dismiss()
    own.ask(client, true)
  end
end

--- Ask once more where the user is typing: the model can answer now.
function M.again()
  local client =
    vim.lsp.get_clients({ name = 'codefuse', bufnr = vim.api.nvim_get_current_buf() })[1]
  if client and M.is_enabled() and vim.startswith(vim.api.nvim_get_mode().mode, 'i') then
    own.forget()
    own.ask(client, false)
  end
end

--- Turn suggestions on or off, everywhere.
---@param on boolean
function M.enable(on)
  enabled = on
  own.forget()
  own.clear()
  if is_native() then
    for _, client in ipairs(require('codefuse.client').all()) do
      for bufnr in pairs(client.attached_buffers) do
        native().enable(bufnr, on)
      end
    end
  end
  vim.cmd.redrawstatus({ bang = true })
end

return M
