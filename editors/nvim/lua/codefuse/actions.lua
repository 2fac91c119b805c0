--- The server's code actions by name: explain, tests, doc, fix, and whatever else it offers at a place.

local client_of = require('codefuse.client')
local places = require('codefuse.places')

local M = {}

---@param sentence string
---@param level? integer
local function tell(sentence, level)
  vim.notify('CodeFuse: ' .. sentence, level or vim.log.levels.INFO)
end

--- The diagnostics of some lines, as the servers sent them.
---@param bufnr integer
---@param range lsp.Range
---@return lsp.Diagnostic[]
local function diagnostics(bufnr, range)
  local found = {}
  for _, one in ipairs(vim.diagnostic.get(bufnr)) do
    if one.lnum >= range.start.line and one.lnum <= range['end'].line then
      table.insert(found, (one.user_data or {}).lsp or {
        range = {
          start = { line = one.lnum, character = one.col },
          ['end'] = { line = one.end_lnum, character = one.end_col },
        },
        message = one.message,
        severity = one.severity,
        source = one.source,
      })
    end
  end
  return found
end

---@param client vim.lsp.Client
---@param bufnr integer
---@param action lsp.CodeAction
local function perform(client, bufnr, action)
  if action.edit then
    vim.lsp.util.apply_workspace_edit(action.edit, client.offset_encoding)
  end
  if action.command then
    local command = type(action.command) == 'table' and action.command or action
    client:exec_cmd(command --[[@as lsp.Command]], { bufnr = bufnr }, function(err)
      if err then
        tell(err.message, vim.log.levels.ERROR)
      end
    end)
  end
end

--- Do an action that was chosen; the work of some is only done now.
---@param client vim.lsp.Client
---@param bufnr integer
---@param action lsp.CodeAction
local function resolve_and_perform(client, bufnr, action)
  if action.edit or not action.data then
    return perform(client, bufnr, action)
  end
  M.writing = client_of.call(client, 'codeAction/resolve', action, {
    bufnr = bufnr,
    on_result = function(resolved, err)
      M.writing = nil
      if err then
        tell(err, vim.log.levels.ERROR)
      elseif resolved then
        perform(client, bufnr, resolved)
      end
    end,
  })
end

---@type codefuse.Call?
M.writing = nil -- the action that is being done

--- Do one of the server's actions at the cursor or on some lines.
---@param kind? string Its kind on the wire; where several are of that kind, or none is named, you choose.
---@param lines? codefuse.Lines
function M.run(kind, lines)
  local bufnr = vim.api.nvim_get_current_buf()
  local client = client_of.expect(bufnr)
  if not client then
    return
  end
  local range = places.range(bufnr, lines, client.offset_encoding)
  local params = {
    textDocument = { uri = vim.uri_from_bufnr(bufnr) },
    range = range,
    context = { only = kind and { kind }, diagnostics = diagnostics(bufnr, range) },
  }
  client_of.call(client, 'textDocument/codeAction', params, {
    bufnr = bufnr,
    on_result = function(offered, err)
      if err then
        return tell(err, vim.log.levels.ERROR)
      elseif not offered or #offered == 0 then
        return tell('nothing of that kind can be done here.')
      elseif #offered == 1 then
        return resolve_and_perform(client, bufnr, offered[1])
      end
      vim.ui.select(offered, {
        prompt = 'CodeFuse',
        kind = 'codeaction',
        format_item = function(action)
          return (action.title:gsub('^CodeFuse: ', ''))
        end,
      }, function(action)
        if action then
          resolve_and_perform(client, bufnr, action)
        end
      end)
    end,
  })
end

return M
