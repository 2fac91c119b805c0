--- Ghost text drawn by Neovim's own vim.lsp.inline_completion: what this plugin adds to it.
---
--- Neovim shows suggestions and takes them whole. A part of one is put in here, and what is left is shown by own.lua
--- until Neovim shows the next.

local own = require('codefuse.ghost.own')

local M = {}

local standing ---@type codefuse.Shown? what Neovim shows
local told ---@type string? id of the suggestion that the server knew last to have been shown

--- Forget what Neovim shows: it is gone. The server is told that it was not wanted, unless it was typed.
---@param id? string What is shown in its place.
local function reject(id)
  local it = standing
  standing = nil
  local gone = it and own.id_of(it.items[it.index])
  if it and gone and gone ~= id and not own.is_typed(it) then
    it.client:notify('codefuse/didRejectCompletion', { id = gone })
  end
end

--- Let Neovim show suggestions in a buffer, or not.
---@param bufnr integer
---@param enabled boolean
function M.enable(bufnr, enabled)
  vim.lsp.inline_completion.enable(enabled, { bufnr = bufnr })
end

--- Hear what was answered to Neovim, and say whether it is to see it: what is shown goes on to stand while it is typed.
---@param client vim.lsp.Client
---@param bufnr integer
---@param asked lsp.Position Where the cursor was.
---@param result? lsp.InlineCompletionItem[]|lsp.InlineCompletionList
---@return boolean
function M.is_news(client, bufnr, asked, result)
  if own.is_shown() or own.left_of(standing) then
    return false
  end
  local items = result and (result.items or result) or {} --[[@as lsp.InlineCompletionItem[] ]]
  for _, item in ipairs(items) do
    if type(item.insertText) == 'string' then
      item.insertText = own.plain(item.insertText --[[@as string]]) -- Neovim would put a \r in
    end
  end
  local is_typing = vim.startswith(vim.api.nvim_get_mode().mode, 'i')
    and vim.api.nvim_get_current_buf() == bufnr
  reject(items[1] and own.id_of(items[1]))
  standing = #items > 0 and is_typing and own.placed(client, bufnr, items, 1, asked) or nil
  local id = standing and own.id_of(items[1])
  if id and id ~= told then
    told = id
    client:notify('codefuse/didShowCompletion', { id = id })
  end
  return true
end

--- Forget what Neovim shows: the user has left it.
function M.forget()
  reject()
end

--- The suggestion that Neovim shows, in its place.
---@param item vim.lsp.inline_completion.Item
---@return codefuse.Shown?
local function in_place(item)
  for index, one in ipairs(standing and standing.items or {}) do
    if vim.deep_equal(one.command, item.command) then
      return vim.tbl_extend('force', standing, { index = index, text = own.text_of(one) })
    end
  end
end

--- Whether it is certain what Neovim shows: one suggestion, of the only server that makes any.
---@return boolean
local function is_certain()
  local clients = vim.lsp.get_clients({ bufnr = 0, method = 'textDocument/inlineCompletion' })
  return standing ~= nil and #standing.items == 1 and #clients == 1 and own.left_of(standing) ~= nil
end

---@param kind 'all'|'word'|'line'
---@return boolean
function M.accept(kind)
  if own.is_shown() then
    return own.accept(kind)
  end
  if is_certain() then -- at once, for keys that are typed faster than Neovim answers below
    local it = standing --[[@as codefuse.Shown]]
    standing = nil
    vim.lsp.inline_completion.get({ on_accept = function() end }) -- takes its own away
    own.adopt(it)
    return own.accept(kind)
  end
  return vim.lsp.inline_completion.get({
    on_accept = function(item)
      local it = in_place(item)
      standing = nil
      if kind == 'all' or not it then
        vim.bo.undolevels = vim.bo.undolevels -- what was typed is a step of its own
        return item
      end
      own.adopt(it)
      own.accept(kind)
    end,
  })
end

---@param count integer
function M.cycle(count)
  if own.is_shown() then
    local client = require('codefuse.client').of()
    return client and own.cycle(client, count)
  end
  vim.lsp.inline_completion.select({ count = count })
end

---@return boolean
function M.dismiss()
  return vim.lsp.inline_completion.get({
    on_accept = function(item)
      local client, id = vim.lsp.get_client_by_id(item.client_id), own.id_of(item)
      standing = nil
      if client and id then
        client:notify('codefuse/didRejectCompletion', { id = id })
      end
    end,
  })
end

return M
