--- Where a question is written: a small buffer with completion of `/commands` and `@references`.

local client_of = require('codefuse.client')
local places = require('codefuse.places')
local references = require('codefuse.chat.references')

local M = {}

local ANSWER_MS = 1000 -- that completion by hand waits
local bufnr = -1

--- The window with the code that is talked about.
---@type fun(): integer?
M.code_window = function() end

--- The buffer; a new one where it was wiped out.
---@return integer
function M.buffer()
  if vim.api.nvim_buf_is_valid(bufnr) then
    return bufnr
  end
  bufnr = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_name(bufnr, 'codefuse-chat-input')
  vim.bo[bufnr].filetype = 'codefuse-input'
  vim.bo[bufnr].bufhidden = 'hide'
  vim.bo[bufnr].swapfile = false
  vim.bo[bufnr].omnifunc = "v:lua.require'codefuse.chat.input'.omnifunc"
  vim.bo[bufnr].completeopt = 'menuone,noselect,popup'
  vim.api.nvim_create_autocmd('TextChangedI', { buffer = bufnr, callback = M._offer })
  vim.api.nvim_create_autocmd('CompleteDone', {
    buffer = bufnr,
    callback = function()
      local item = vim.v.completed_item
      local reference = vim.tbl_get(item, 'user_data', 'codefuse')
      if reference and reference ~= vim.NIL then
        references.mention(item.word, reference)
      end
    end,
  })
  return bufnr
end

--- What is written.
---@return string
function M.text()
  return table.concat(vim.api.nvim_buf_get_lines(M.buffer(), 0, -1, false), '\n')
end

--- Write something else.
---@param text string
function M.set(text)
  vim.api.nvim_buf_set_lines(M.buffer(), 0, -1, false, vim.split(text, '\n', { plain = true }))
end

---@param encoding string
---@return table params of `codefuse/chat/complete`
---@return integer line_start Bytes of the text before the cursor's line.
local function asked(encoding)
  local row, col = unpack(vim.api.nvim_win_get_cursor(0))
  local lines = vim.api.nvim_buf_get_lines(M.buffer(), 0, -1, false)
  local above = table.concat(lines, '\n', 1, row - 1) .. (row > 1 and '\n' or '')
  local before = above .. lines[row]:sub(1, col)
  local params = { text = table.concat(lines, '\n'), offset = vim.str_utfindex(before, 'utf-16') }
  local window = M.code_window()
  if window then
    local code = vim.api.nvim_win_get_buf(window)
    local first, last = vim.fn.getpos("'<"), vim.fn.getpos("'>")
    params.textDocument = { uri = vim.uri_from_bufnr(code) }
    vim.api.nvim_win_call(window, function()
      first, last = vim.fn.line("'<"), vim.fn.line("'>")
    end)
    if first > 0 and last >= first then
      params.range = places.of_lines(code, { first = first, last = last }, encoding)
    end
  end
  return params, #above
end

---@param items table[]
---@param text string
---@param line_start integer
---@return table[] items of complete()
---@return integer col From 0, where they begin.
local function choices(items, text, line_start)
  local found, col = {}, vim.api.nvim_win_get_cursor(0)[2]
  for _, item in ipairs(items) do
    col = vim.str_byteindex(text, 'utf-16', item.start, false) - line_start
    table.insert(found, {
      word = item.insertText,
      abbr = item.label,
      menu = item.detail,
      kind = item.kind,
      user_data = { codefuse = item.reference },
    })
  end
  return found, col
end

--- Offer what fits behind a `/` or an `@` as it is typed.
function M._offer()
  local col = vim.api.nvim_win_get_cursor(0)[2]
  local before = vim.api.nvim_get_current_line():sub(1, col)
  local client = client_of.of()
  if not client or not (before:match('^%s*/[%w_-]*$') or before:match('@[^%s@]*$')) then
    return
  end
  local params, line_start = asked(client.offset_encoding)
  local tick = vim.api.nvim_buf_get_changedtick(0)
  client_of.call(client, 'codefuse/chat/complete', params, {
    on_result = function(result)
      local is_here = vim.api.nvim_get_current_buf() == M.buffer()
        and vim.api.nvim_buf_get_changedtick(0) == tick
      if result and #result.items > 0 and is_here and vim.fn.mode() == 'i' then
        local items, start = choices(result.items, params.text, line_start)
        vim.fn.complete(start + 1, items)
      end
    end,
  })
end

local omni = {} ---@type table[]

--- 'omnifunc' of the input: the same by hand.
---@param findstart 0|1
---@return integer|table[]
function M.omnifunc(findstart)
  if findstart == 0 then
    return omni
  end
  omni = {}
  local client = client_of.of()
  if not client then
    return -3
  end
  local params, line_start = asked(client.offset_encoding)
  local answer = client:request_sync('codefuse/chat/complete', params, ANSWER_MS, 0)
  if not answer or not answer.result then
    return -3
  end
  local items, start = choices(answer.result.items, params.text, line_start)
  omni = items
  return start
end

return M
