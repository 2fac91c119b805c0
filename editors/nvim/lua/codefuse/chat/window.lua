--- The chat's two windows, what was said above what is being written, and the window with the code beside them.

local config = require('codefuse.config')
local input = require('codefuse.chat.input')
local transcript = require('codefuse.chat.transcript')

local M = {}

local INPUT_LINES = 5
local SPLITS = { right = 'right', left = 'left', bottom = 'below' }
local code ---@type integer? the window that was left for the chat

---@param bufnr integer
---@return integer?
local function shown(bufnr)
  return vim.iter(vim.api.nvim_tabpage_list_wins(0)):find(function(window)
    return vim.api.nvim_win_get_buf(window) == bufnr
  end)
end

---@param window integer
local function is_code(window)
  local valid = vim.api.nvim_win_is_valid(window)
    and vim.api.nvim_win_get_config(window).relative == ''
  return valid and vim.bo[vim.api.nvim_win_get_buf(window)].buftype == ''
end

--- The window with the code that is talked about.
---@return integer?
function M.code()
  if code and is_code(code) then
    return code
  end
  code = vim.iter(vim.api.nvim_tabpage_list_wins(0)):find(is_code)
  return code
end
input.code_window = M.code

---@param window integer
local function plain(window)
  local options = vim.wo[window][0]
  options.number, options.relativenumber, options.signcolumn = false, false, 'no'
  options.wrap, options.linebreak, options.conceallevel = true, true, 2
  options.foldenable, options.cursorline, options.list = false, false, false
  options.winfixbuf = true
end

---@return integer
local function open_transcript()
  local position, size = config.current.chat.position, config.current.chat.size
  local whole = position == 'bottom' and vim.o.lines or vim.o.columns
  local length = math.floor(size <= 1 and whole * size or size)
  local place = { split = SPLITS[position], win = -1 }
  place[position == 'bottom' and 'height' or 'width'] = length
  local window = vim.api.nvim_open_win(transcript.buffer(), false, place)
  plain(window)
  vim.wo[window][0].winfixwidth = position ~= 'bottom'
  return window
end

--- Open the chat, or go to it, ready to write.
function M.open()
  local here = vim.api.nvim_get_current_win()
  if is_code(here) then
    code = here
  end
  local above = shown(transcript.buffer()) or open_transcript()
  local below = shown(input.buffer())
  if not below then
    below = vim.api.nvim_open_win(
      input.buffer(),
      false,
      { split = 'below', win = above, height = INPUT_LINES }
    )
    plain(below)
    vim.wo[below][0].winfixheight = true
    vim.wo[below][0].conceallevel = 0
  end
  vim.api.nvim_set_current_win(below)
  local last = vim.api.nvim_buf_line_count(transcript.buffer())
  vim.api.nvim_win_set_cursor(above, { last, 0 })
end

--- Close both windows; what was said stays.
function M.close()
  for _, bufnr in ipairs({ input.buffer(), transcript.buffer() }) do
    for _, window in ipairs(vim.fn.win_findbuf(bufnr)) do
      if #vim.api.nvim_list_wins() > 1 then
        vim.api.nvim_win_close(window, true)
      else
        vim.wo[window][0].winfixbuf = false
        vim.cmd.enew()
      end
    end
  end
end

--- Whether it is open in this tab page.
---@return boolean
function M.is_open()
  return shown(transcript.buffer()) ~= nil
end

--- Go to what was said.
function M.read()
  local window = shown(transcript.buffer())
  if window then
    vim.api.nvim_set_current_win(window)
  end
end

---@param text string
---@return string
local function escaped(text)
  return (text:gsub('%%', '%%%%'))
end

--- Write above the windows how it stands, and what goes with the next question.
---@param above string
---@param labels string[]
function M.title(above, labels)
  for _, window in ipairs(vim.fn.win_findbuf(transcript.buffer())) do
    vim.wo[window][0].winbar = ' ' .. escaped(above)
  end
  local about = #labels > 0 and ' About ' .. table.concat(labels, ', ') or ' Ask (/ or @)'
  for _, window in ipairs(vim.fn.win_findbuf(input.buffer())) do
    vim.wo[window][0].winbar = escaped(about)
      .. '%=%#CodeFuseKey#<C-s>%* send  %#CodeFuseKey#g?%* help '
  end
end

return M
