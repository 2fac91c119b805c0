--- What was said, in a buffer that only we write: turns under their headings, streaming, notes below.
---
--- Turns in, text and extmarks out. Knows nothing of the server.

local M = {}

local namespace = vim.api.nvim_create_namespace('codefuse.chat')

---@class codefuse.Turn
---@field id? string
---@field role 'human'|'bot'
---@field text string
---@field mark integer The extmark of its heading.
---@field blocks codefuse.Block[]
---@field siblings string[]

---@class codefuse.Block
---@field index integer
---@field language string
---@field path string
---@field code string
---@field start integer
---@field end integer

---@type codefuse.Turn[]
M.turns = {}

local bufnr = -1

--- The buffer; a new one where it was wiped out.
---@return integer
function M.buffer()
  if vim.api.nvim_buf_is_valid(bufnr) then
    return bufnr
  end
  bufnr = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_name(bufnr, 'codefuse-chat')
  vim.bo[bufnr].filetype = 'markdown'
  vim.bo[bufnr].bufhidden = 'hide'
  vim.bo[bufnr].swapfile = false
  vim.bo[bufnr].undolevels = -1
  vim.bo[bufnr].modifiable = false
  M.turns = {}
  return bufnr
end

---@param change fun(bufnr: integer)
local function write(change)
  local buffer = M.buffer()
  vim.bo[buffer].modifiable = true
  change(buffer)
  vim.bo[buffer].modifiable = false
  vim.bo[buffer].modified = false
end

--- Windows whose cursor stands at the end, which is where it is to stay.
---@return integer[]
local function followers()
  local last = vim.api.nvim_buf_line_count(M.buffer())
  return vim.tbl_filter(function(window)
    return vim.api.nvim_win_get_cursor(window)[1] >= last
  end, vim.fn.win_findbuf(M.buffer()))
end

---@param windows integer[]
local function follow(windows)
  local last = vim.api.nvim_buf_line_count(M.buffer())
  for _, window in ipairs(windows) do
    vim.api.nvim_win_set_cursor(window, { last, 0 })
  end
end

---@param text string
local function append(text)
  local windows = followers()
  write(function(buffer)
    local row = vim.api.nvim_buf_line_count(buffer) - 1
    local col = #vim.api.nvim_buf_get_lines(buffer, row, row + 1, false)[1]
    vim.api.nvim_buf_set_text(buffer, row, col, row, col, vim.split(text, '\n', { plain = true }))
  end)
  follow(windows)
end

--- The line of a turn's heading, from 0; its text begins below.
---@param turn codefuse.Turn
---@return integer
function M.row_of(turn)
  return vim.api.nvim_buf_get_extmark_by_id(M.buffer(), namespace, turn.mark, {})[1]
end

---@param turn codefuse.Turn
---@return table[]
local function heading(turn)
  local is_human = turn.role == 'human'
  local name = { is_human and 'You' or 'CodeFuse', is_human and 'CodeFuseHuman' or 'CodeFuseBot' }
  local words = { { '▌ ', name[2] }, name }
  if #turn.siblings > 1 then
    local place = vim.fn.index(turn.siblings, turn.id) + 1
    table.insert(words, { ('  %d/%d  < >'):format(place, #turn.siblings), 'CodeFuseNote' })
  end
  return words
end

---@param turn codefuse.Turn
---@param row integer
local function mark(turn, row)
  turn.mark = vim.api.nvim_buf_set_extmark(M.buffer(), namespace, row, 0, {
    id = turn.mark,
    virt_text = heading(turn),
    virt_text_pos = 'overlay',
    right_gravity = false,
  })
end

--- Begin a turn, with what there is of it.
---@param role 'human'|'bot'
---@param text string
---@param known? { id?: string, blocks?: codefuse.Block[], siblings?: string[] }
---@return codefuse.Turn
function M.add(role, text, known)
  known = known or {}
  local turn = {
    role = role,
    text = '',
    id = known.id,
    blocks = known.blocks or {},
    siblings = known.siblings or {},
  }
  local is_first = #M.turns == 0
  if not is_first then
    append('\n\n')
  end
  mark(turn, vim.api.nvim_buf_line_count(M.buffer()) - 1)
  table.insert(M.turns, turn)
  append('\n')
  M.extend(turn, text)
  return turn
end

--- Write more of the last turn.
---@param turn codefuse.Turn
---@param text string
function M.extend(turn, text)
  turn.text = turn.text .. text
  append(text)
end

--- Take the whole text of the last turn, and what is known of it now.
---@param turn codefuse.Turn
---@param text string
---@param known { id?: string, blocks?: codefuse.Block[], notes: string[] }
function M.finish(turn, text, known)
  turn.id, turn.blocks = known.id, known.blocks or {}
  if text ~= turn.text then
    local windows = followers()
    turn.text = text
    write(function(buffer)
      vim.api.nvim_buf_set_lines(
        buffer,
        M.row_of(turn) + 1,
        -1,
        false,
        vim.split(text, '\n', { plain = true })
      )
    end)
    follow(windows)
  end
  M.note(known.notes)
end

--- Notes below the last turn, a line for each.
---@param sentences string[]
function M.note(sentences)
  if #sentences == 0 then
    return
  end
  append('\n\n' .. table.concat(sentences, '\n'))
  local last = vim.api.nvim_buf_line_count(M.buffer())
  vim.api.nvim_buf_set_extmark(M.buffer(), namespace, last - #sentences, 0, {
    end_row = last,
    hl_group = 'CodeFuseNote',
    priority = 200, -- above that of Markdown
    strict = false,
  })
end

--- Take a turn away, and all behind it.
---@param turn codefuse.Turn
function M.remove_from(turn)
  local index = vim.fn.index(M.turns, turn) + 1
  if index == 0 then
    return
  end
  local row = M.row_of(turn)
  vim.api.nvim_buf_clear_namespace(M.buffer(), namespace, row, -1)
  write(function(buffer)
    vim.api.nvim_buf_set_lines(buffer, math.max(row - 1, 0), -1, false, {})
  end)
  M.turns = vim.list_slice(M.turns, 1, index - 1)
end

--- Take all away.
function M.clear()
  vim.api.nvim_buf_clear_namespace(M.buffer(), namespace, 0, -1)
  write(function(buffer)
    vim.api.nvim_buf_set_lines(buffer, 0, -1, false, {})
  end)
  M.turns = {}
end

--- The turn in which a line lies.
---@param row integer From 0.
---@return codefuse.Turn?
---@return integer index
function M.turn_at(row)
  for index = #M.turns, 1, -1 do
    if M.row_of(M.turns[index]) <= row then
      return M.turns[index], index
    end
  end
  return M.turns[1], 1
end

--- The lines of a block of code, fences and all, from 0.
---@param turn codefuse.Turn
---@param block codefuse.Block
---@return integer first
---@return integer last
local function rows_of(turn, block)
  local function row(offset)
    local before = turn.text:sub(1, vim.str_byteindex(turn.text, 'utf-16', offset, false))
    return M.row_of(turn) + 1 + select(2, before:gsub('\n', ''))
  end
  return row(block.start), row(block['end'])
end

--- The block of code in which a line lies, else the next one of its turn, else the turn's last.
---@param row integer From 0.
---@return codefuse.Block?
function M.block_at(row)
  local turn = M.turn_at(row)
  for _, block in ipairs(turn and turn.blocks or {}) do
    local _, last = rows_of(turn --[[@as codefuse.Turn]], block)
    if row <= last then
      return block
    end
  end
  return turn and turn.blocks[#turn.blocks]
end

return M
