--- From the cursor, a range of lines or a selection of the editor to a range of the wire, and back.

local M = {}

---@class codefuse.Lines
---@field first integer From 1.
---@field last integer

--- The range of whole lines.
---@param bufnr integer
---@param lines codefuse.Lines
---@param encoding string
---@return lsp.Range
function M.of_lines(bufnr, lines, encoding)
  local last = vim.api.nvim_buf_get_lines(bufnr, lines.last - 1, lines.last, false)[1] or ''
  return {
    start = { line = lines.first - 1, character = 0 },
    ['end'] = { line = lines.last - 1, character = vim.str_utfindex(last, encoding) },
  }
end

--- The empty range at the cursor.
---@param encoding string
---@return lsp.Range
function M.at_cursor(encoding)
  local position = vim.lsp.util.make_position_params(0, encoding).position
  return { start = position, ['end'] = position }
end

--- The lines if there are any, else the cursor.
---@param bufnr integer
---@param lines? codefuse.Lines
---@param encoding string
---@return lsp.Range
function M.range(bufnr, lines, encoding)
  return lines and M.of_lines(bufnr, lines, encoding) or M.at_cursor(encoding)
end

--- The document of a buffer, with the version that the server has.
---@param bufnr integer
---@return lsp.VersionedTextDocumentIdentifier
function M.document(bufnr)
  return { uri = vim.uri_from_bufnr(bufnr), version = vim.lsp.util.buf_versions[bufnr] }
end

--- Where a range of the wire lies in a buffer: lines from 0 and bytes.
---@param bufnr integer
---@param range lsp.Range
---@param encoding string
---@return integer first_row
---@return integer first_col
---@return integer last_row
---@return integer last_col
function M.in_buffer(bufnr, range, encoding)
  local function column(position)
    local line = vim.api.nvim_buf_get_lines(bufnr, position.line, position.line + 1, false)[1] or ''
    return vim.str_byteindex(line, encoding, position.character, false)
  end
  return range.start.line, column(range.start), range['end'].line, column(range['end'])
end

--- How a place is called for people.
---@param uri string
---@param range? lsp.Range
---@return string
function M.label(uri, range)
  local name = vim.fn.fnamemodify(vim.uri_to_fname(uri), ':.')
  if not range then
    return name
  end
  local first, last =
    range.start.line + 1, range['end'].line + (range['end'].character > 0 and 1 or 0)
  return first >= last and ('%s:%d'):format(name, first) or ('%s:%d–%d'):format(name, first, last)
end

return M
