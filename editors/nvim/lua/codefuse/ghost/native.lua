--- Ghost text drawn by Neovim's own vim.lsp.inline_completion: what this plugin adds to it.
---
--- Neovim shows suggestions and takes them whole. A part of one is put in here, and what is left is shown by own.lua
--- until Neovim shows the next.

local own = require('codefuse.ghost.own')

local M = {}

---@class codefuse.Answered
---@field uri string
---@field items lsp.InlineCompletionItem[]

local last ---@type codefuse.Answered?
local told = {} ---@type table<string, true> ids of suggestions that the server knows to have been shown

--- Let Neovim show suggestions in a buffer, or not.
---@param bufnr integer
---@param enabled boolean
function M.enable(bufnr, enabled)
  vim.lsp.inline_completion.enable(enabled, { bufnr = bufnr })
end

--- Hear what was answered to Neovim, before it is shown.
---@param params lsp.InlineCompletionParams
---@param result? lsp.InlineCompletionItem[]|lsp.InlineCompletionList
function M.answered(params, result)
  own.clear()
  local items = result and (result.items or result) or {} --[[@as lsp.InlineCompletionItem[] ]]
  last = { uri = params.textDocument.uri, items = items }
  local id = items[1] and own.id_of(items[1])
  local client = require('codefuse.client').of()
  if client and id and not told[id] and vim.startswith(vim.api.nvim_get_mode().mode, 'i') then
    told[id] = true
    client:notify('codefuse/didShowCompletion', { id = id })
  end
end

--- The suggestion of the wire that Neovim shows.
---@param item vim.lsp.inline_completion.Item
---@return lsp.InlineCompletionItem[] items
---@return integer index
local function on_the_wire(item)
  if last and last.uri == vim.uri_from_bufnr(0) then
    for index, one in ipairs(last.items) do
      if vim.deep_equal(one.command, item.command) then
        return last.items, index
      end
    end
  end
  return { { insertText = item.insert_text, command = item.command } }, 1
end

---@param kind 'all'|'word'|'line'
---@return boolean
function M.accept(kind)
  if own.is_shown() then
    return own.accept(kind)
  end
  return vim.lsp.inline_completion.get({
    on_accept = function(item)
      local client = vim.lsp.get_client_by_id(item.client_id)
      if kind == 'all' or not client or client.name ~= 'codefuse' then
        vim.bo.undolevels = vim.bo.undolevels -- what was typed is a step of its own
        return item
      end
      local items, index = on_the_wire(item)
      own.show(client, vim.api.nvim_get_current_buf(), items, index)
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
      if client and id then
        client:notify('codefuse/didRejectCompletion', { id = id })
      end
    end,
  })
end

return M
