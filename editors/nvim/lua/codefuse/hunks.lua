--- A proposal drawn in the buffer it is for: what goes in red, what comes below it in green, decided hunk by hunk.
---
--- While it stands the buffer cannot be changed, and a few letters decide. What was accepted is applied once all is
--- decided, in one step of undo. Knows nothing of who proposed it.

local places = require('codefuse.places')

local M = {}

local namespace = vim.api.nvim_create_namespace('codefuse.hunks')

---@class codefuse.Hunk
---@field id string
---@field range lsp.Range
---@field oldText string
---@field newText string

---@class codefuse.Proposal
---@field bufnr integer
---@field encoding string
---@field hunks codefuse.Hunk[]
---@field note? string
---@field accept fun(ids: string[]) Apply these.
---@field discard fun() None was accepted.

---@class codefuse.Standing: codefuse.Proposal
---@field decided table<string, boolean>
---@field modifiable boolean
---@field keys table[] What the keys meant in the buffer before.
---@field winbars table<integer, string>

local standing = {} ---@type table<integer, codefuse.Standing> by buffer

local CHANGED = 'CodeFuse: the code has changed meanwhile; ask again.'

local KEYS = {
  { 'a', 'accept', 'accept this' },
  { 'r', 'reject', 'reject this' },
  { 'A', 'accept_all', 'accept all' },
  { 'q', 'reject_rest', 'reject the rest' },
  { 'u', 'undecide', 'undo a decision' },
  { ']c', 'next', 'next' },
  { '[c', 'previous', 'previous' },
}

--- A text with line ends as buffers have them.
---@param text string
---@return string
local function plain(text)
  return (text:gsub('\r\n?', '\n'))
end

--- Whether the buffer still holds what the hunks are about.
---@param proposal codefuse.Proposal
---@return boolean
local function fits(proposal)
  local bufnr = proposal.bufnr
  local count = vim.api.nvim_buf_line_count(bufnr)
  return vim.iter(proposal.hunks):all(function(hunk)
    local first, from, last, to = places.in_buffer(bufnr, hunk.range, proposal.encoding)
    local lines = {}
    if first < count then
      local stop = math.min(last, count - 1)
      local stop_col = last < count and to or #vim.api.nvim_buf_get_lines(bufnr, -2, -1, false)[1]
      lines = vim.api.nvim_buf_get_text(bufnr, first, from, stop, stop_col, {})
    end
    local text = table.concat(lines, '\n') .. (first < count and last >= count and '\n' or '')
    return vim.trim(text) == vim.trim(plain(hunk.oldText))
  end)
end

--- The lines that a hunk stands for: where they are, and what they become, whole lines both.
---@param proposal codefuse.Proposal
---@param hunk codefuse.Hunk
---@return integer first_row
---@return integer stop_row
---@return string[] lines
local function whole_lines(proposal, hunk)
  local first, from, last, to = places.in_buffer(proposal.bufnr, hunk.range, proposal.encoding)
  local function line(row)
    return vim.api.nvim_buf_get_lines(proposal.bufnr, row, row + 1, false)[1] or ''
  end
  local text = plain(hunk.newText)
  local new = vim.split(text, '\n', { plain = true })
  if to == 0 and from == 0 and (last > first or text:sub(-1) == '\n' or text == '') then
    if new[#new] == '' then
      table.remove(new)
    end
    return first, last, new
  end
  new[1] = line(first):sub(1, from) .. new[1]
  new[#new] = new[#new] .. line(last):sub(to + 1)
  return first, last + 1, new
end

--- Lines as virtual ones, in colour to the window's edge.
---@param lines string[]
---@param group string
---@param bufnr integer
---@return table[]
local function virtual(lines, group, bufnr)
  local tab = (' '):rep(vim.bo[bufnr].tabstop)
  return vim.tbl_map(function(line)
    local shown = line:gsub('\t', tab)
    return { { shown .. (' '):rep(math.max(1, 200 - vim.fn.strdisplaywidth(shown))), group } }
  end, lines)
end

---@param bufnr integer
---@param first integer
---@param stop integer
---@param group string
local function colour(bufnr, first, stop, group)
  for row = first, math.min(stop, vim.api.nvim_buf_line_count(bufnr)) - 1 do
    vim.api.nvim_buf_set_extmark(
      bufnr,
      namespace,
      row,
      0,
      { line_hl_group = group, priority = 200 }
    )
  end
end

---@param bufnr integer
---@param first integer
---@param stop integer
---@param lines table[]
local function put_below(bufnr, first, stop, lines)
  if #lines == 0 then
    return
  end
  local count = vim.api.nvim_buf_line_count(bufnr)
  local above = stop == first and first < count
  local row = above and first or math.min(math.max(stop - 1, first), count - 1)
  vim.api.nvim_buf_set_extmark(
    bufnr,
    namespace,
    row,
    0,
    { virt_lines = lines, virt_lines_above = above }
  )
end

---@param it codefuse.Standing
---@param hunk codefuse.Hunk
---@param number integer
local function draw_hunk(it, hunk, number)
  local first, stop, lines = whole_lines(it, hunk)
  local decided = it.decided[hunk.id]
  local label = ('%d/%d%s'):format(
    number,
    #it.hunks,
    decided == true and ' ✓' or decided == false and ' ✗' or ''
  )
  if decided ~= false then
    colour(it.bufnr, first, stop, 'CodeFuseDeleted')
    put_below(it.bufnr, first, stop, virtual(lines, 'CodeFuseAdded', it.bufnr))
  end
  local row = math.min(first, vim.api.nvim_buf_line_count(it.bufnr) - 1)
  local text = { { (' %s '):format(label), 'CodeFuseLabel' } }
  vim.api.nvim_buf_set_extmark(
    it.bufnr,
    namespace,
    row,
    0,
    { virt_text = text, virt_text_pos = 'right_align' }
  )
end

---@param it codefuse.Standing
local function draw(it)
  vim.api.nvim_buf_clear_namespace(it.bufnr, namespace, 0, -1)
  for number, hunk in ipairs(it.hunks) do
    draw_hunk(it, hunk, number)
  end
end

--- What the keys do, above the window.
---@return string
local function legend()
  local words = {}
  for _, pair in ipairs({
    { 'a', 'accept' },
    { 'r', 'reject' },
    { 'A', 'accept all' },
    { 'q', 'reject the rest' },
  }) do
    table.insert(words, ('%%#CodeFuseKey#%s%%* %s'):format(pair[1], pair[2]))
  end
  return ' CodeFuse proposes: %<' .. table.concat(words, ' · ') .. ' · %#CodeFuseKey#]c [c u%*'
end

---@param it codefuse.Standing
local function close(it)
  standing[it.bufnr] = nil
  if not vim.api.nvim_buf_is_valid(it.bufnr) then
    return
  end
  vim.api.nvim_buf_clear_namespace(it.bufnr, namespace, 0, -1)
  vim.bo[it.bufnr].modifiable = it.modifiable
  for _, key in ipairs(KEYS) do
    pcall(vim.keymap.del, 'n', key[1], { buffer = it.bufnr })
  end
  vim.api.nvim_buf_call(it.bufnr, function()
    for _, map in ipairs(it.keys) do
      vim.fn.mapset('n', false, map)
    end
  end)
  for window, winbar in pairs(it.winbars) do
    if vim.api.nvim_win_is_valid(window) then
      vim.wo[window][0].winbar = winbar
    end
  end
end

---@param it codefuse.Standing
local function finish(it)
  close(it)
  local accepted = {}
  for _, hunk in ipairs(it.hunks) do
    if it.decided[hunk.id] then
      table.insert(accepted, hunk.id)
    end
  end
  if #accepted > 0 and not fits(it) then
    vim.notify(CHANGED, vim.log.levels.WARN)
    it.discard()
  elseif #accepted > 0 then
    it.accept(accepted)
  else
    it.discard()
  end
end

---@param it codefuse.Standing
---@param index integer
local function go_to(it, index)
  local first = whole_lines(it, it.hunks[index])
  vim.api.nvim_win_set_cursor(0, { math.min(first + 1, vim.api.nvim_buf_line_count(it.bufnr)), 0 })
  if first == 0 and it.hunks[index].oldText == '' then
    vim.fn.winrestview({ topfill = 100 }) -- lines above the first one are hidden else
  end
end

--- The hunk at the cursor, or the nearest.
---@param it codefuse.Standing
---@return integer
local function current(it)
  local row, best, distance = vim.api.nvim_win_get_cursor(0)[1] - 1, 1, math.huge
  for index, hunk in ipairs(it.hunks) do
    local first, stop = whole_lines(it, hunk)
    local away = math.max(first - row, row - math.max(stop - 1, first), 0)
    if away < distance then
      best, distance = index, away
    end
  end
  return best
end

---@param it codefuse.Standing
---@param decision boolean
local function decide(it, decision)
  local index = current(it)
  it.decided[it.hunks[index].id] = decision
  for step = 0, #it.hunks - 1 do
    local next_one = (index + step - 1) % #it.hunks + 1
    if it.decided[it.hunks[next_one].id] == nil then
      draw(it)
      return go_to(it, next_one)
    end
  end
  finish(it)
end

---@param it codefuse.Standing
---@param decision boolean
local function decide_rest(it, decision)
  for _, hunk in ipairs(it.hunks) do
    if it.decided[hunk.id] == nil then
      it.decided[hunk.id] = decision
    end
  end
  finish(it)
end

---@type table<string, fun(it: codefuse.Standing)>
local ACTIONS = {
  accept = function(it)
    decide(it, true)
  end,
  reject = function(it)
    decide(it, false)
  end,
  accept_all = function(it)
    decide_rest(it, true)
  end,
  reject_rest = function(it)
    decide_rest(it, false)
  end,
  undecide = function(it)
    it.decided[it.hunks[current(it)].id] = nil
    draw(it)
  end,
  next = function(it)
    go_to(it, current(it) % #it.hunks + 1)
  end,
  previous = function(it)
    go_to(it, (current(it) - 2) % #it.hunks + 1)
  end,
}

--- What the keys mean in a buffer without us.
---@param bufnr integer
---@return table[]
local function meanings(bufnr)
  return vim.api.nvim_buf_call(bufnr, function()
    local maps = vim.tbl_map(function(key)
      return vim.fn.maparg(key[1], 'n', false, true)
    end, KEYS)
    return vim.tbl_filter(function(map)
      return map.buffer == 1
    end, maps)
  end)
end

--- Show a proposal and wait for what the user decides.
---@param proposal codefuse.Proposal
function M.show(proposal)
  M.close(proposal.bufnr)
  if not fits(proposal) then
    vim.notify(CHANGED, vim.log.levels.WARN)
    return proposal.discard()
  end
  local it = vim.tbl_extend('force', proposal, {
    decided = {},
    modifiable = vim.bo[proposal.bufnr].modifiable,
    keys = meanings(proposal.bufnr),
    winbars = {},
  }) --[[@as codefuse.Standing]]
  standing[it.bufnr] = it
  vim.bo[it.bufnr].modifiable = false
  for _, key in ipairs(KEYS) do
    vim.keymap.set('n', key[1], function()
      ACTIONS[key[2]](it)
    end, { buffer = it.bufnr, nowait = true, desc = 'CodeFuse: ' .. key[3] })
  end
  for _, window in ipairs(vim.fn.win_findbuf(it.bufnr)) do
    it.winbars[window] = vim.wo[window][0].winbar
    vim.wo[window][0].winbar = legend()
  end
  draw(it)
  if vim.api.nvim_get_current_buf() == it.bufnr then
    go_to(it, 1)
  end
  if proposal.note and proposal.note ~= '' then
    vim.notify('CodeFuse: ' .. proposal.note)
  end
end

--- Do what one of the keys does, by its name.
---@param action 'accept'|'reject'|'accept_all'|'reject_rest'|'undecide'|'next'|'previous'
---@return boolean done Whether a proposal stands in this buffer.
function M.act(action)
  local it = standing[vim.api.nvim_get_current_buf()]
  if it then
    ACTIONS[action](it)
  end
  return it ~= nil
end

--- Take a proposal away without a decision.
---@param bufnr integer
function M.close(bufnr)
  local it = standing[bufnr]
  if it then
    close(it)
    it.discard()
  end
end

--- Show a text while it is being written: what it is for in red, what there is of it below.
---@param bufnr integer
---@param first integer
---@param stop integer
---@param text string
---@param label string
function M.draw_writing(bufnr, first, stop, text, label)
  if not vim.api.nvim_buf_is_valid(bufnr) then
    return
  end
  vim.api.nvim_buf_clear_namespace(bufnr, namespace, 0, -1)
  colour(bufnr, first, stop, 'CodeFuseDeleted')
  local lines = text == '' and {} or vim.split(text, '\n', { plain = true })
  put_below(bufnr, first, stop, virtual(lines, 'CodeFuseAdded', bufnr))
  local row = math.min(first, vim.api.nvim_buf_line_count(bufnr) - 1)
  local words = { { (' %s '):format(label), 'CodeFuseLabel' } }
  vim.api.nvim_buf_set_extmark(
    bufnr,
    namespace,
    row,
    0,
    { virt_text = words, virt_text_pos = 'right_align' }
  )
end

--- Take away what draw_writing has drawn.
---@param bufnr integer
function M.clear_writing(bufnr)
  if vim.api.nvim_buf_is_valid(bufnr) then
    vim.api.nvim_buf_clear_namespace(bufnr, namespace, 0, -1)
  end
end

return M
