--- What the next question is about: places that were added, and what `@` stands for in its text.

local client_of = require('codefuse.client')
local places = require('codefuse.places')

local M = {}

local TERMINAL_LINES = 200
local added = {} ---@type { label: string, reference: table }[]
local mentioned = {} ---@type table<string, table> by what is written for it

--- Add the lines of a buffer.
---@param bufnr integer
---@param lines codefuse.Lines
function M.add_lines(bufnr, lines)
  local client = client_of.of(bufnr)
  if not client then
    return
  end
  local uri, range =
    vim.uri_from_bufnr(bufnr), places.of_lines(bufnr, lines, client.offset_encoding)
  for _, one in ipairs(added) do
    if vim.deep_equal(one.reference.range, range) and one.reference.uri == uri then
      return
    end
  end
  local reference = { uri = uri, range = range, kind = 'selection' }
  table.insert(added, { label = places.label(uri, range), reference = reference })
end

--- How a reference is called that the server has kept.
---@param reference table
---@return string
function M.label(reference)
  local function known(name)
    return reference[name] ~= vim.NIL and reference[name] or nil
  end
  local uri = known('uri')
  local place = uri and vim.startswith(uri, 'file:') and places.label(uri, known('range')) or uri
  return known('name') or place or known('kind') or '?'
end

--- Remember what a mention stands for.
---@param text string
---@param reference table
function M.mention(text, reference)
  mentioned[vim.trim(text)] = reference
end

--- Forget all.
function M.clear()
  added, mentioned = {}, {}
end

--- How what was added is called.
---@return string[]
function M.labels()
  return vim.tbl_map(function(one)
    return one.label
  end, added)
end

---@param uri? string
---@return string
local function diagnostics_text(uri)
  local bufnr = uri and vim.uri_to_bufnr(uri) or nil
  local lines = {}
  for _, one in ipairs(vim.diagnostic.get(bufnr)) do
    local severity = vim.diagnostic.severity[one.severity]:lower()
    table.insert(lines, ('line %d: %s: %s'):format(one.lnum + 1, severity, one.message))
  end
  return table.concat(lines, '\n')
end

---@return string
local function terminal_text()
  for _, bufnr in ipairs(vim.api.nvim_list_bufs()) do
    if vim.bo[bufnr].buftype == 'terminal' then
      local lines = vim.api.nvim_buf_get_lines(bufnr, -TERMINAL_LINES, -1, false)
      return (table.concat(lines, '\n'):gsub('%s+$', ''))
    end
  end
  return ''
end

--- What only the editor knows is put in when the question is asked.
---@param reference table
---@return table
local function filled(reference)
  if reference.text and reference.text ~= vim.NIL then
    return reference
  elseif reference.kind == 'diagnostics' then
    return vim.tbl_extend('force', reference, { text = diagnostics_text(reference.uri) })
  elseif reference.kind == 'terminal' then
    return vim.tbl_extend('force', reference, { text = terminal_text() })
  end
  return reference
end

--- What goes with a message, and is forgotten.
---@param message string
---@return table[]
---@return string[] labels Of what was added.
function M.take(message)
  local found, labels = {}, M.labels()
  for _, one in ipairs(added) do
    table.insert(found, one.reference)
  end
  for text, reference in pairs(mentioned) do
    if message:find(text, 1, true) then
      table.insert(found, filled(reference))
    end
  end
  M.clear()
  return found, labels
end

return M
