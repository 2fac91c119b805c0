--- Review: what the model finds wrong with a file or some lines, as diagnostics and a location list.

local client_of = require('codefuse.client')
local places = require('codefuse.places')

local M = {}

---@type codefuse.Call?
M.writing = nil

---@param bufnr integer
---@param encoding string
---@param findings table[]
local function list(bufnr, encoding, findings)
  local items = vim.tbl_map(function(finding)
    local first, from, last, to = places.in_buffer(bufnr, finding.range, encoding)
    return {
      bufnr = bufnr,
      lnum = first + 1,
      col = from + 1,
      end_lnum = last + 1,
      end_col = to + 1,
      type = ({ 'E', 'W', 'I', 'N' })[finding.severity] or 'I',
      text = finding.message,
    }
  end, findings)
  vim.fn.setloclist(0, {}, ' ', { title = 'CodeFuse review', items = items })
  vim.cmd.lwindow()
end

--- Review some lines, or the whole buffer.
---@param lines? codefuse.Lines
function M.run(lines)
  local bufnr = vim.api.nvim_get_current_buf()
  local client = client_of.expect(bufnr)
  if not client then
    return
  end
  vim.notify('CodeFuse: reviewing …')
  local params = { textDocument = { uri = vim.uri_from_bufnr(bufnr) } }
  params.range = lines and places.of_lines(bufnr, lines, client.offset_encoding)
  M.writing = client_of.call(client, 'codefuse/review', params, {
    bufnr = bufnr,
    on_result = function(result, err)
      M.writing = nil
      if err then
        vim.notify('CodeFuse: ' .. err, vim.log.levels.ERROR)
      elseif result and #result.findings == 0 then
        vim.notify('CodeFuse: nothing was found.')
      elseif result then
        list(bufnr, client.offset_encoding, result.findings)
      end
    end,
  })
end

--- Take the findings of this buffer away.
function M.clear()
  local bufnr = vim.api.nvim_get_current_buf()
  local client = client_of.expect(bufnr)
  if client then
    client_of.call(
      client,
      'codefuse/review/clear',
      { uri = vim.uri_from_bufnr(bufnr) },
      { on_result = function() end }
    )
    vim.fn.setloclist(0, {}, 'f')
    vim.cmd.lclose()
  end
end

return M
