--- Rename suggestions: better names for what stands at the cursor; the renaming is the language's own server's.

local client_of = require('codefuse.client')

local M = {}

---@param bufnr integer
---@param name string
local function rename(bufnr, name)
  if #vim.lsp.get_clients({ bufnr = bufnr, method = 'textDocument/rename' }) > 0 then
    vim.lsp.buf.rename(name)
  else
    vim.fn.setreg('"', name)
    vim.notify(
      ('CodeFuse: no language server renames here; %s is in the unnamed register.'):format(name)
    )
  end
end

--- Suggest names for what stands at the cursor, and rename it to the one that is chosen.
function M.run()
  local bufnr = vim.api.nvim_get_current_buf()
  local client = client_of.expect(bufnr)
  if not client then
    return
  end
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  client_of.call(client, 'codefuse/renameSuggestions', params, {
    bufnr = bufnr,
    on_result = function(result, err)
      if not result or #result.suggestions == 0 then
        return vim.notify('CodeFuse: ' .. (err or 'no better name was found.'))
      end
      vim.ui.select(
        result.suggestions,
        { prompt = ('Rename %s to'):format(result.name) },
        function(name)
          if name then
            rename(bufnr, name)
          end
        end
      )
    end,
  })
end

return M
