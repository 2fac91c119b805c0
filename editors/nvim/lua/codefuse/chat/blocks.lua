--- What can be done with the code in an answer: taken, put in, put in place of lines, or merged into its file.

local client_of = require('codefuse.client')
local hunks = require('codefuse.hunks')
local places = require('codefuse.places')

local M = {}

---@param sentence string
---@param level? integer
local function tell(sentence, level)
  vim.notify('CodeFuse: ' .. sentence, level or vim.log.levels.INFO)
end

--- Put a block's code into the registers that yanking fills.
---@param block codefuse.Block
function M.yank(block)
  vim.fn.setreg('"', block.code, 'l')
  if vim.fn.has('clipboard') == 1 then
    vim.fn.setreg('+', block.code, 'l')
  end
  tell(('%d lines taken.'):format(#vim.split(vim.trim(block.code), '\n')))
end

--- Whether an edit makes a new file.
---@param edit lsp.WorkspaceEdit
---@return boolean
local function creates(edit)
  return vim.iter(edit.documentChanges or {}):any(function(change)
    return change.kind == 'create'
  end)
end

---@param client vim.lsp.Client
---@param result table
local function create(client, result)
  local name = places.label(result.uri)
  vim.ui.select(
    { 'Create it', 'Leave it' },
    { prompt = ('There is no %s yet.'):format(name) },
    function(_, choice)
      if choice == 1 then
        vim.lsp.util.apply_workspace_edit(result.edit, client.offset_encoding)
        vim.cmd.edit(vim.fn.fnameescape(vim.uri_to_fname(result.uri)))
      end
    end
  )
end

--- Show what an edit would change, and change what is accepted of it.
---@param client vim.lsp.Client
---@param result table
local function preview(client, result)
  local bufnr = vim.uri_to_bufnr(result.uri)
  vim.fn.bufload(bufnr)
  if vim.api.nvim_get_current_buf() ~= bufnr then
    vim.cmd.buffer(bufnr)
  end
  vim.bo[bufnr].buflisted = true
  hunks.show({
    bufnr = bufnr,
    encoding = client.offset_encoding,
    hunks = result.hunks,
    note = result.note,
    discard = function() end,
    accept = function(ids)
      local edits = {}
      for _, hunk in ipairs(result.hunks) do
        if vim.list_contains(ids, hunk.id) then
          table.insert(edits, { range = hunk.range, newText = hunk.newText })
        end
      end
      vim.lsp.util.apply_text_edits(edits, bufnr, client.offset_encoding)
    end,
  })
end

--- Put a block of code somewhere: at the cursor, in place of some lines, or where its names are in a file.
---@param block codefuse.Block
---@param mode 'insert'|'replace'|'merge'
---@param window integer The window with the code.
---@param lines? codefuse.Lines
function M.put(block, mode, window, lines)
  vim.api.nvim_set_current_win(window)
  local bufnr = vim.api.nvim_win_get_buf(window)
  local client = client_of.expect(bufnr)
  if not client then
    return
  end
  local params = { code = block.code, language = block.language, mode = mode }
  if mode == 'merge' and block.path and block.path ~= '' then
    params.path = block.path
  else
    params.textDocument = places.document(bufnr)
  end
  if mode ~= 'merge' then
    params.range = places.range(bufnr, lines, client.offset_encoding)
  end
  client_of.call(client, 'codefuse/applyCodeBlock', params, {
    bufnr = bufnr,
    on_result = function(result, err)
      if not result then
        tell(err or 'nothing to put in', vim.log.levels.WARN)
      elseif creates(result.edit) then
        create(client, result)
      elseif #result.hunks == 0 then
        tell(result.note ~= '' and result.note or 'that is what stands there already.')
      else
        preview(client, result)
      end
    end,
  })
end

return M
