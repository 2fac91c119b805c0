--- Windows beside the code: documents that the server writes (`codefuse:`), and texts that this plugin shows.

local M = {}

local owners = {} ---@type table<string, integer> client of each document of the server's, by uri

--- Open a window beside the current one, or below it where that would be too narrow.
---@param bufnr integer
---@param enter boolean
---@return integer window
function M.split(bufnr, enter)
  local direction = vim.api.nvim_win_get_width(0) >= 120 and 'right' or 'below'
  local window = vim.api.nvim_open_win(bufnr, enter, { split = direction })
  vim.wo[window][0].wrap = true
  vim.wo[window][0].linebreak = true
  vim.wo[window][0].conceallevel = 2
  vim.wo[window][0].number = false
  vim.wo[window][0].relativenumber = false
  vim.wo[window][0].signcolumn = 'no'
  return window
end

---@param bufnr integer
---@param text string
local function write(bufnr, text)
  vim.bo[bufnr].modifiable = true
  vim.api.nvim_buf_set_lines(bufnr, 0, -1, false, vim.split(text, '\n', { plain = true }))
  vim.bo[bufnr].modifiable = false
  vim.bo[bufnr].modified = false
end

---@param bufnr integer
---@param filetype string
local function prepare(bufnr, filetype)
  vim.bo[bufnr].buftype = 'nofile'
  vim.bo[bufnr].swapfile = false
  vim.bo[bufnr].bufhidden = 'hide'
  vim.bo[bufnr].filetype = filetype
  vim.keymap.set(
    'n',
    'q',
    '<Cmd>close<CR>',
    { buffer = bufnr, nowait = true, desc = 'CodeFuse: Close' }
  )
end

--- Show a document of the server's, in the window where it is shown already or in a new one; the cursor stays.
---@param uri string
---@param client_id integer
---@return boolean
function M.open(uri, client_id)
  owners[uri] = client_id
  local bufnr = vim.fn.bufadd(uri)
  local window = vim.fn.win_findbuf(bufnr)[1]
  if window then
    return true
  end
  M.split(bufnr, false)
  vim.fn.bufload(bufnr)
  return true
end

--- Read a document of the server's: what a `BufReadCmd` does.
---@param bufnr integer
---@param uri string
function M.read(bufnr, uri)
  prepare(bufnr, 'markdown')
  vim.bo[bufnr].buflisted = false
  M.refresh(uri)
end

--- Read a document of the server's again: there is more of it.
---@param uri string
function M.refresh(uri)
  local bufnr = vim.fn.bufnr(('^%s$'):format(vim.fn.escape(uri, '[]*?{}')))
  local client = owners[uri] and vim.lsp.get_client_by_id(owners[uri])
  if bufnr == -1 or not client then
    return
  end
  require('codefuse.client').call(client, 'workspace/textDocumentContent', { uri = uri }, {
    bufnr = bufnr,
    on_result = function(result)
      if result and vim.api.nvim_buf_is_valid(bufnr) then
        write(bufnr, result.text)
      end
    end,
  })
end

--- Show a text in a window of its own.
---@param name string
---@param text string
---@param filetype string
---@return integer bufnr
function M.show(name, text, filetype)
  local full = ('codefuse-%s'):format(name)
  local old = vim.fn.bufnr(('^%s$'):format(full))
  local bufnr = old ~= -1 and old or vim.api.nvim_create_buf(false, true)
  if old == -1 then
    vim.api.nvim_buf_set_name(bufnr, full)
    prepare(bufnr, filetype)
  end
  write(bufnr, text)
  local window = vim.fn.win_findbuf(bufnr)[1]
  if window then
    vim.api.nvim_set_current_win(window)
  else
    M.split(bufnr, true)
  end
  vim.api.nvim_win_set_cursor(0, { 1, 0 })
  return bufnr
end

return M
