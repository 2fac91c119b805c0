--- Ghost text drawn by this plugin: what is shown, how it shrinks as it is typed or taken, and when it goes.
---
--- On Neovim 0.11 all of it; beside Neovim's own, what is left of a suggestion that was taken in part.

local parts = require('codefuse.ghost.parts')

local M = {}

local namespace = vim.api.nvim_create_namespace('codefuse.ghost')

---@class codefuse.Shown
---@field client vim.lsp.Client
---@field bufnr integer
---@field items lsp.InlineCompletionItem[]
---@field index integer
---@field text string What is suggested from (row, col) on.
---@field row integer
---@field col integer In bytes.
---@field tail integer Bytes of the line right of what is replaced.
---@field before string What was taken of the suggestion before (row, col).
---@field counted boolean Whether the index is shown.

local shown ---@type codefuse.Shown?
local asking ---@type codefuse.Call?
local asked_for = '' -- the place and the text that were asked about last

--- A text with line ends as buffers have them: where the file's are \r\n, so are the server's.
---@param text string
---@return string
function M.plain(text)
  return (text:gsub('\r\n', '\n'))
end

--- How many UTF-16 units of what the server has said a text is.
---@param text string
---@param bufnr integer
---@return integer
local function units(text, bufnr)
  local breaks = vim.bo[bufnr].fileformat == 'dos' and select(2, text:gsub('\n', '')) or 0
  return vim.str_utfindex(text, 'utf-16') + breaks
end

---@param item lsp.InlineCompletionItem
---@return string
function M.text_of(item)
  local text = item.insertText
  return M.plain(type(text) == 'table' and text.value or text --[[@as string]])
end

---@param item lsp.InlineCompletionItem
---@return string?
function M.id_of(item)
  local command = item.command
  return command and command.arguments and command.arguments[1]
end

---@return integer row
---@return integer col
local function cursor()
  local place = vim.api.nvim_win_get_cursor(0)
  return place[1] - 1, place[2]
end

---@param bufnr integer
---@param row integer
---@return string
local function line_at(bufnr, row)
  return vim.api.nvim_buf_get_lines(bufnr, row, row + 1, false)[1] or ''
end

---@param method string
---@param params? table
local function report(method, params)
  local id = shown and M.id_of(shown.items[shown.index])
  if shown and id then
    shown.client:notify('codefuse/' .. method, vim.tbl_extend('force', { id = id }, params or {}))
  end
end

--- Tabs as wide as they will be: virtual text shows them as one cell.
---@param text string
---@param bufnr integer
---@return string
local function visible(text, bufnr)
  return (text:gsub('\t', (' '):rep(vim.bo[bufnr].tabstop)))
end

--- Draw what is left of the suggestion at the cursor.
---@param col integer
---@param rest string
---@param replaced string
local function draw(col, rest, replaced)
  assert(shown)
  local bufnr, row = shown.bufnr, shown.row
  vim.api.nvim_buf_clear_namespace(bufnr, namespace, 0, -1)
  local lines = vim.split(visible(rest, bufnr), '\n', { plain = true })
  local below = {}
  for index = 2, #lines do
    table.insert(below, { { lines[index], 'CodeFuseGhost' } })
  end
  local between = parts.between(lines[1], replaced)
  local pieces = between or { { 0, lines[1] } }
  local count = shown.counted
      and #shown.items > 1
      and (' (%d/%d)'):format(shown.index, #shown.items)
    or ''
  if #below > 0 then
    table.insert(below[#below], { count, 'CodeFuseLabel' })
  end
  for number, piece in ipairs(pieces) do
    local is_last = number == #pieces and #below == 0
    vim.api.nvim_buf_set_extmark(bufnr, namespace, row, col + piece[1], {
      virt_text = { { piece[2], 'CodeFuseGhost' }, { is_last and count or '', 'CodeFuseLabel' } },
      virt_text_pos = between and 'inline' or 'overlay',
      hl_mode = 'combine',
    })
  end
  if #below > 0 then
    vim.api.nvim_buf_set_extmark(bufnr, namespace, row, col, { virt_lines = below })
  end
end

--- Take what is shown away; with `rejected` the server is told that it was not wanted.
---@param rejected? boolean
function M.clear(rejected)
  if not shown then
    return
  end
  if rejected and shown.before == '' then
    report('didRejectCompletion')
  end
  if vim.api.nvim_buf_is_valid(shown.bufnr) then
    vim.api.nvim_buf_clear_namespace(shown.bufnr, namespace, 0, -1)
  end
  shown = nil
end

--- What is left of a suggestion behind what has been typed of it, and what stands there already; nil if none is.
---@param it? codefuse.Shown
---@return string? rest
---@return string? replaced
function M.left_of(it)
  if not it or vim.api.nvim_get_current_buf() ~= it.bufnr then
    return nil
  end
  local row, col = cursor()
  local line = line_at(it.bufnr, it.row)
  local typed = line:sub(it.col + 1, col)
  local stop = #line - it.tail
  if row ~= it.row or col < it.col or stop < col or not vim.startswith(it.text, typed) then
    return nil
  end
  local rest = it.text:sub(#typed + 1)
  if rest == '' then
    return nil
  end
  return rest, line:sub(col + 1, stop)
end

--- Whether a suggestion has come to stand in the buffer as far as its first line goes, by whatever way.
---@param it codefuse.Shown
---@return boolean
function M.is_typed(it)
  local line = vim.api.nvim_buf_is_valid(it.bufnr) and line_at(it.bufnr, it.row) or ''
  return vim.startswith(line:sub(it.col + 1), (it.text:match('^[^\n]*')))
end

--- Let what is shown follow what was typed.
function M.follow()
  if not shown then
    return
  end
  local rest, replaced = M.left_of(shown)
  if rest then
    local _, col = cursor()
    draw(col, rest, replaced --[[@as string]])
  else
    M.clear(true)
  end
end

--- One of several suggestions in its place.
---@param client vim.lsp.Client
---@param bufnr integer
---@param items lsp.InlineCompletionItem[]
---@param index integer
---@param asked? lsp.Position Where the cursor was when it was asked for, if that may be long ago.
---@return codefuse.Shown
function M.placed(client, bufnr, items, index, asked)
  local item = items[index]
  local row, col = cursor()
  local line = line_at(bufnr, row)
  local stop = col
  if item.range then
    local encoding = client.offset_encoding
    col = vim.str_byteindex(line, encoding, item.range.start.character, false)
    local typed = asked and stop - vim.str_byteindex(line, encoding, asked.character, false) or 0
    stop = vim.str_byteindex(line, encoding, item.range['end'].character, false) + typed
  end
  return {
    client = client,
    bufnr = bufnr,
    items = items,
    index = index,
    text = M.text_of(item),
    row = item.range and item.range.start.line or row,
    col = col,
    tail = #line - stop,
    before = '',
    counted = false,
  }
end

--- Show one of several suggestions.
---@param client vim.lsp.Client
---@param bufnr integer
---@param items lsp.InlineCompletionItem[]
---@param index integer
---@param counted? boolean
function M.show(client, bufnr, items, index, counted)
  local it = M.placed(client, bufnr, items, index)
  it.counted = counted or false
  M.adopt(it)
  if shown then
    report('didShowCompletion')
  end
end

--- Go on with a suggestion that was shown by others.
---@param it codefuse.Shown
function M.adopt(it)
  shown = it
  M.follow()
end

--- Whether something is shown at the cursor.
---@return boolean
function M.is_shown()
  return M.left_of(shown) ~= nil
end

--- Put a part of the suggestion in, and go on showing the rest.
---@param kind 'all'|'word'|'line'
---@return boolean
function M.accept(kind)
  local rest, replaced = M.left_of(shown)
  if not shown or not rest or not replaced then
    return false
  end
  local _, col = cursor()
  local part = parts.of(rest, kind)
  local over = part == rest and #replaced or parts.written_over(part, replaced)
  local lines = vim.split(part, '\n', { plain = true })
  vim.bo[shown.bufnr].undolevels = vim.bo[shown.bufnr].undolevels -- what was typed is a step of its own
  local row = shown.row
  local taken = shown
  taken.before = taken.before .. taken.text:sub(1, #taken.text - #rest) .. part
  taken.text = rest:sub(#part + 1)
  taken.row = row + #lines - 1
  taken.col = (#lines == 1 and col or 0) + #lines[#lines]
  vim.api.nvim_buf_set_text(taken.bufnr, row, col, row, col + over, lines)
  vim.api.nvim_win_set_cursor(0, { taken.row + 1, taken.col })
  shown = taken
  report('didPartiallyAcceptCompletion', { acceptedLength = units(taken.before, taken.bufnr) })
  if taken.text == '' then
    local command = taken.items[taken.index].command
    M.clear()
    if command then
      taken.client:exec_cmd(command, { bufnr = taken.bufnr })
    end
  else
    M.follow()
  end
  return true
end

--- Ask for suggestions at the cursor.
---@param client vim.lsp.Client
---@param invoked boolean Whether the user asked.
---@param show? fun(items: lsp.InlineCompletionItem[]) What becomes of them; they are shown by default.
function M.ask(client, invoked, show)
  local bufnr = vim.api.nvim_get_current_buf()
  local row, col = cursor()
  local place = ('%d %d %d %d'):format(bufnr, vim.api.nvim_buf_get_changedtick(bufnr), row, col)
  if not invoked and (place == asked_for or M.is_shown()) then
    return -- what is shown goes on to stand while it is typed
  end
  asked_for = place
  if asking then
    asking.cancel()
  end
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  params.context = { triggerKind = invoked and 1 or 2 }
  asking = require('codefuse.client').call(client, 'textDocument/inlineCompletion', params, {
    bufnr = bufnr,
    on_result = function(result)
      if place ~= asked_for then
        return -- something newer was asked
      end
      asking = nil
      local items = result and (result.items or result) or {}
      local is_typing = vim.startswith(vim.api.nvim_get_mode().mode, 'i')
        and vim.api.nvim_get_current_buf() == bufnr
      if #items == 0 or not is_typing then
        return
      end
      if show then
        show(items)
      elseif vim.api.nvim_buf_get_changedtick(bufnr) == tonumber(place:match('^%d+ (%d+)')) then
        M.show(client, bufnr, items, 1)
      end
    end,
  })
end

--- Show another suggestion; where there is only one, the server is asked for more.
---@param client vim.lsp.Client
---@param count integer
function M.cycle(client, count)
  if not shown then
    return M.ask(client, true)
  end
  local function show(items, index)
    M.show(client, vim.api.nvim_get_current_buf(), items, (index - 1) % #items + 1, true)
  end
  if #shown.items > 1 then
    return show(shown.items, shown.index + count)
  end
  M.ask(client, true, function(items)
    show(items, 1 + count)
  end)
end

--- Stop asking.
function M.forget()
  asked_for = ''
  if asking then
    asking.cancel()
    asking = nil
  end
end

return M
