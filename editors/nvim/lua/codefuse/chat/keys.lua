--- The keys of the chat's two buffers.

local chat = require('codefuse.chat')
local blocks = require('codefuse.chat.blocks')
local conversations = require('codefuse.chat.conversations')
local input = require('codefuse.chat.input')
local transcript = require('codefuse.chat.transcript')
local window = require('codefuse.chat.window')

local M = {}

---@return integer row From 0.
local function row()
  return vim.api.nvim_win_get_cursor(0)[1] - 1
end

---@return codefuse.Turn?
local function turn()
  return (transcript.turn_at(row()))
end

--- Do something with the block of code at the cursor and the window with the code.
---@param action fun(block: codefuse.Block, code: integer)
local function with_block(action)
  local block, code = transcript.block_at(row()), window.code()
  if not block then
    vim.notify('CodeFuse: there is no code in this turn.')
  elseif not code then
    vim.notify('CodeFuse: open a window with the code first.')
  else
    action(block, code)
  end
end

---@param mode 'insert'|'replace'|'merge'
---@return fun()
local function put(mode)
  return function()
    with_block(function(block, code)
      local lines
      if mode == 'replace' then
        local first, last
        vim.api.nvim_win_call(code, function()
          first, last = vim.fn.line("'<"), vim.fn.line("'>")
        end)
        lines = first > 0 and { first = first, last = last } or nil
        if not lines then
          return vim.notify('CodeFuse: select the lines to replace in the code first.')
        end
      end
      blocks.put(block, mode, code, lines)
    end)
  end
end

---@param step integer
---@return fun()
local function go(step)
  return function()
    local _, index = transcript.turn_at(row())
    local there = transcript.turns[math.max(1, math.min(index + step, #transcript.turns))]
    if there then
      vim.api.nvim_win_set_cursor(0, { transcript.row_of(there) + 1, 0 })
    end
  end
end

local function write()
  window.open()
  vim.cmd.startinsert()
end

local READING = {
  { 'i', write, 'write a question' },
  {
    'r',
    function()
      chat.regenerate(turn())
    end,
    'answer again',
  },
  {
    'e',
    function()
      chat.edit(turn())
    end,
    'say the question otherwise',
  },
  {
    '<',
    function()
      chat.sibling(turn(), -1)
    end,
    'the branch before',
  },
  {
    '>',
    function()
      chat.sibling(turn(), 1)
    end,
    'the next branch',
  },
  {
    'y',
    function()
      with_block(blocks.yank)
    end,
    'take the code',
  },
  { 'p', put('insert'), 'put the code in at the cursor' },
  { 'x', put('replace'), 'put the code in place of the selection' },
  { 'm', put('merge'), 'merge the code into its file' },
  { ']]', go(1), 'next turn' },
  { '[[', go(-1), 'previous turn' },
} -- stylua: ignore

local BOTH = {
  { '<C-c>', chat.stop, 'stop the answer' },
  { 'gn', chat.new, 'new conversation' },
  { 'gl', conversations.choose, 'conversations' },
  { 'gT', conversations.rename, 'title of the conversation' },
  { 'gD', conversations.delete, 'delete the conversation' },
  { 'gX', conversations.export, 'the conversation as Markdown' },
  { 'q', window.close, 'close' },
} -- stylua: ignore

local WRITING = {
  { '<CR>', chat.send, 'send' },
  { '<C-s>', chat.send, 'send (in insert mode, too)' },
  { 'gk', window.read, 'go to what was said' },
} -- stylua: ignore

local function help()
  local lines = {}
  local function add(heading, keys)
    table.insert(lines, heading)
    for _, key in ipairs(keys) do
      table.insert(lines, ('  %-6s %s'):format(key[1], key[3]))
    end
    table.insert(lines, '')
  end
  add('Where it is read', READING)
  add('Where it is written', WRITING)
  add('In both', BOTH)
  require('codefuse.views').show('chat-help', table.concat(lines, '\n'), 'text')
end

---@param bufnr integer
---@param keys table[]
local function set(bufnr, keys)
  for _, key in ipairs(keys) do
    local lhs, action, what = unpack(key)
    vim.keymap.set('n', lhs, function()
      action()
    end, { buffer = bufnr, nowait = true, desc = 'CodeFuse: ' .. what })
  end
end

--- Set the keys of both buffers.
function M.attach()
  local reading, writing = transcript.buffer(), input.buffer()
  if vim.b[reading].codefuse_keys and vim.b[writing].codefuse_keys then
    return
  end
  vim.b[reading].codefuse_keys, vim.b[writing].codefuse_keys = true, true
  set(reading, READING)
  set(writing, WRITING)
  for _, bufnr in ipairs({ reading, writing }) do
    set(bufnr, BOTH)
    set(bufnr, { { 'g?', help, 'help' } })
  end
  vim.keymap.set('i', '<C-s>', function()
    vim.cmd.stopinsert()
    chat.send()
  end, { buffer = writing, desc = 'CodeFuse: send' })
  vim.keymap.set('i', '<C-c>', function()
    if not chat.stop() then
      vim.cmd.stopinsert()
    end
  end, { buffer = writing, desc = 'CodeFuse: stop the answer' })
end

return M
