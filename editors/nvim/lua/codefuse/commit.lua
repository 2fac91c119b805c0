--- A commit message for what is staged: into the message that is being written, else into a window.

local client_of = require('codefuse.client')

local M = {}

---@type codefuse.Call?
M.writing = nil

--- Show the message so far above whatever stands in the buffer.
---@param bufnr integer
---@return fun(message: string)
local function writer(bufnr)
  local height = 0
  return function(message)
    if not vim.api.nvim_buf_is_valid(bufnr) then
      return -- nobody wants it any more
    end
    local lines = vim.split(message, '\n', { plain = true })
    vim.api.nvim_buf_set_lines(bufnr, 0, height, false, lines)
    height = #lines
  end
end

--- Where the message goes: a commit that has none yet, else a window of its own.
---@return integer bufnr
local function place()
  local first = vim.api.nvim_buf_get_lines(0, 0, 1, false)[1] or ''
  if vim.bo.filetype == 'gitcommit' and first == '' and vim.bo.modifiable then
    return vim.api.nvim_get_current_buf()
  end
  local bufnr = require('codefuse.views').show('commit-message', '', 'gitcommit')
  vim.bo[bufnr].modifiable = true
  return bufnr
end

--- Write a commit message for what is staged in the repository of this buffer.
function M.run()
  local code = vim.api.nvim_get_current_buf()
  local client = client_of.expect(code)
  if not client then
    return
  end
  local name = vim.api.nvim_buf_get_name(code)
  local bufnr = place()
  local message, write = '', writer(bufnr)
  M.writing = client_of.call(
    client,
    'codefuse/commitMessage',
    name ~= '' and { uri = vim.uri_from_bufnr(code) } or {},
    {
      on_delta = function(text)
        message = message .. text
        write(message)
      end,
      on_result = function(result, err)
        M.writing = nil
        if err then
          vim.notify('CodeFuse: ' .. err, vim.log.levels.ERROR)
        elseif result then
          write(result.message)
          for _, sentence in ipairs(result.leftOut or {}) do
            vim.notify('CodeFuse: ' .. sentence)
          end
        end
      end,
    }
  )
end

return M
