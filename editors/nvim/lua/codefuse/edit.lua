--- Inline edit: an instruction for some lines, the new text as it is written, then a proposal to accept or reject.

local client_of = require('codefuse.client')
local hunks = require('codefuse.hunks')
local places = require('codefuse.places')

local M = {}

---@class codefuse.Writing
---@field call codefuse.Call
---@field bufnr integer

local writing ---@type codefuse.Writing?

---@param sentence string
---@param level? integer
local function tell(sentence, level)
  vim.notify('CodeFuse: ' .. sentence, level or vim.log.levels.INFO)
end

---@param client vim.lsp.Client
---@param result table
local function propose(client, result)
  local bufnr = vim.uri_to_bufnr(result.uri)
  local function request(method, params, on_result)
    client_of.call(client, method, vim.tbl_extend('force', { editId = result.editId }, params), {
      bufnr = bufnr,
      on_result = on_result,
    })
  end
  hunks.show({
    bufnr = bufnr,
    encoding = client.offset_encoding,
    hunks = result.hunks,
    note = result.note,
    accept = function(ids)
      request('codefuse/edit/accept', { hunks = ids }, function(accepted, err)
        if accepted then
          vim.lsp.util.apply_workspace_edit(accepted.edit, client.offset_encoding)
        else
          tell(err or 'nothing was applied', vim.log.levels.WARN)
        end
      end)
    end,
    discard = function()
      request('codefuse/edit/discard', vim.empty_dict(), function() end)
    end,
  })
end

--- Ask for an edit and show it as it is written.
---@param client vim.lsp.Client
---@param bufnr integer
---@param range lsp.Range
---@param instruction string
local function begin(client, bufnr, range, instruction)
  hunks.close(bufnr)
  M.stop()
  local text = ''
  local first, stop = range.start.line, range['end'].line + 1
  local function draw()
    hunks.draw_writing(bufnr, first, stop, text, 'CodeFuse writes … :CodeFuse stop')
  end
  draw()
  local params = { textDocument = places.document(bufnr), range = range, instruction = instruction }
  local mine = { bufnr = bufnr }
  writing = mine
  mine.call = client_of.call(client, 'codefuse/edit', params, {
    bufnr = bufnr,
    on_delta = function(delta)
      if writing == mine then
        text = text .. delta
        draw()
      end
    end,
    on_result = function(result, err)
      if writing == mine then
        writing = nil
        hunks.clear_writing(bufnr)
      end
      if err then
        tell(err, vim.log.levels.ERROR)
      elseif not result then
        tell('the edit was stopped.')
      elseif #result.hunks == 0 then
        tell(result.note ~= '' and result.note or 'there is nothing to change.')
      else
        propose(client, result)
      end
    end,
  })
end

--- Change some lines, or the one at the cursor, as an instruction says; without one, the user is asked for it.
---@param lines? codefuse.Lines
---@param instruction? string
function M.run(lines, instruction)
  local bufnr = vim.api.nvim_get_current_buf()
  local client = client_of.expect(bufnr)
  if not client then
    return
  end
  local row = vim.api.nvim_win_get_cursor(0)[1]
  local is_blank = vim.api.nvim_get_current_line():match('^%s*$')
  local where = lines or (not is_blank and { first = row, last = row } or nil)
  local range = places.range(bufnr, where, client.offset_encoding)
  if instruction and instruction ~= '' then
    return begin(client, bufnr, range, instruction)
  end
  vim.ui.input(
    { prompt = is_blank and not lines and 'CodeFuse, write: ' or 'CodeFuse, change: ' },
    function(given)
      if given and given:match('%S') then
        begin(client, bufnr, range, given)
      end
    end
  )
end

--- Stop writing; lines that are finished become the proposal.
---@return boolean stopped Whether something was being written.
function M.stop()
  if writing then
    writing.call.cancel()
  end
  return writing ~= nil
end

return M
