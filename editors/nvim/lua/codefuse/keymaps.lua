--- Keys: in insert mode those for ghost text, which mean what they meant before wherever none is shown; in normal and
--- visual mode a prefix with a letter.

local config = require('codefuse.config')

local M = {}

local INSERT = {
  { 'accept', 'Accept the suggestion' },
  { 'accept_word', 'Accept the next word of the suggestion' },
  { 'accept_line', 'Accept the next line of the suggestion' },
  { 'dismiss', 'Take the suggestion away' },
}

local PREFIXED = {
  { 'a', 'chat', 'Chat' },
  { 'e', 'edit', 'Edit with an instruction' },
  { 'x', 'explain', 'Explain' },
  { 't', 'tests', 'Write tests' },
  { 'f', 'fix', 'Fix the problems' },
  { 'd', 'doc', 'Document' },
  { 'r', 'review', 'Review' },
  { 'n', 'rename', 'Suggest names' },
  { 'w', 'why', 'Why no suggestion?' },
  { 's', 'stop', 'Stop what is being written' },
  { 'g', 'toggle', 'Ghost text on or off' },
}

--- Whether two spellings of a key are the same.
---@param one string
---@param other string
---@return boolean
local function is_same(one, other)
  return vim.keycode(one) == vim.keycode(other)
end

--- What a key meant without us: a mapping of the buffer from before, else a global one.
---@param lhs string
---@param before? vim.api.keyset.get_keymap
---@return vim.api.keyset.get_keymap?
local function meaning(lhs, before)
  if before then
    return before
  end
  for _, map in ipairs(vim.api.nvim_get_keymap('i')) do
    if is_same(map.lhs, lhs) then
      return map
    end
  end
end

--- Do what a key did without us.
---@param lhs string
---@param before? vim.api.keyset.get_keymap
local function fall_back(lhs, before)
  local map = meaning(lhs, before)
  if not map then
    vim.api.nvim_feedkeys(vim.keycode(lhs), 'in', false)
    return
  end
  local keys, is_recursive = map.rhs or '', map.noremap == 0
  if map.callback then
    keys = map.callback()
  elseif map.expr == 1 then
    keys = vim.api.nvim_eval(map.rhs)
  else
    keys = vim.keycode(keys)
  end
  if map.expr == 1 and map.replace_keycodes == 1 and type(keys) == 'string' then
    keys = vim.keycode(keys)
  end
  if type(keys) == 'string' and keys ~= '' and (map.expr == 1 or not map.callback) then
    vim.api.nvim_feedkeys(keys, is_recursive and 'im' or 'in', false)
  end
end

local meant = {} ---@type table<integer, table<string, vim.api.keyset.get_keymap>> by buffer and key, before us

--- What a key meant in a buffer before us: when a server begins anew, it is our own mapping that stands there.
---@param bufnr integer
---@param lhs string
---@return vim.api.keyset.get_keymap?
local function mapped_before(bufnr, lhs)
  if not meant[bufnr] then
    meant[bufnr] = {}
    vim.api.nvim_create_autocmd('BufWipeout', {
      buffer = bufnr,
      callback = function()
        meant[bufnr] = nil
      end,
    })
  end
  for _, map in ipairs(vim.api.nvim_buf_get_keymap(bufnr, 'i')) do
    if is_same(map.lhs, lhs) and not vim.startswith(map.desc or '', 'CodeFuse: ') then
      meant[bufnr][lhs] = map
    end
  end
  return meant[bufnr][lhs]
end

--- Set the keys for ghost text in a buffer.
---@param bufnr integer
function M.attach(bufnr)
  local keys = config.current.keymaps
  if not keys or config.renderer() == 'popup' then
    return
  end
  local codefuse = require('codefuse')
  local function set(name, what, action)
    if keys[name] then
      vim.keymap.set('i', keys[name], action, { buffer = bufnr, desc = 'CodeFuse: ' .. what })
    end
  end
  for _, entry in ipairs(INSERT) do
    local name, what = unpack(entry)
    local lhs = keys[name]
    local before = lhs and mapped_before(bufnr, lhs)
    set(name, what, function()
      if not codefuse[name]() then
        fall_back(lhs --[[@as string]], before)
      end
    end)
  end
  set('next', 'Next suggestion', function()
    codefuse.next(1)
  end)
  set('previous', 'Previous suggestion', function()
    codefuse.next(-1)
  end)
  set('ask', 'Ask for a suggestion', codefuse.ask)
end

--- Set the keys behind the prefix, but for those that mean something already.
---@param prefix? string|false
function M.set_prefixed(prefix)
  if not prefix then
    return
  end
  for _, entry in ipairs(PREFIXED) do
    local letter, command, what = unpack(entry)
    for _, mode in ipairs({ 'n', 'x' }) do
      local lhs = prefix .. letter
      if vim.fn.maparg(lhs, mode) == '' then
        vim.keymap.set(
          mode,
          lhs,
          (':CodeFuse %s<CR>'):format(command),
          { desc = 'CodeFuse: ' .. what, silent = true }
        )
      end
    end
  end
end

return M
