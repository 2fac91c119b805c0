--- Whether what lies in a workspace may be run. Asked once for a folder, kept in Neovim's own trust database.

local config = require('codefuse.config')

local M = {}

--- What the trust database says of a folder; nobody is asked.
---@param root string
---@return boolean
local function recorded(root)
  local file = io.open(vim.fs.joinpath(vim.fn.stdpath('state'), 'trust'), 'r')
  if not file then
    return false
  end
  local text = file:read('*a')
  file:close()
  return vim.list_contains(vim.split(text, '\n', { plain = true }), 'directory ' .. root)
end

--- Whether the user trusts a folder.
---@param root? string
---@return boolean
function M.is_trusted(root)
  local answer = config.current.trust
  local path = root and vim.uv.fs_realpath(root)
  if not path then
    return false
  end
  if type(answer) == 'function' then
    return answer(path) == true
  end
  if answer ~= nil then
    return answer --[[@as boolean]]
  end
  return recorded(path)
end

--- Ask whether the folder of this buffer is trusted; the server is told by beginning anew.
function M.ask()
  local client = require('codefuse.client')
  local root = client.root_of(vim.api.nvim_get_current_buf())
  if not root then
    vim.notify('CodeFuse: this buffer belongs to no workspace; there is nothing to trust.')
    return
  end
  if M.is_trusted(root) then
    vim.notify(('CodeFuse: %s is trusted.'):format(root))
    return
  end
  if vim.secure.read(root) == true then -- Neovim asks, and remembers the answer
    client.restart()
  end
end

return M
