--- Why there was no suggestion, and what the model would be shown.

local client_of = require('codefuse.client')
local views = require('codefuse.views')

local M = {}

local COUNT = 20

---@param record table
---@return string[]
local function described(record)
  local when = os.date('%H:%M:%S', math.floor(record.time))
  local head = ('%s  %s:%d  **%s**'):format(
    when,
    vim.fn.fnamemodify(record.file, ':t'),
    record.line,
    record.outcome
  )
  local lines = { '- ' .. head }
  if record.detail ~= '' then
    table.insert(lines, '  ' .. record.detail)
  end
  local tokens = record.promptTokens > 0
      and ('; %d tokens read (%d known), %d written'):format(
        record.promptTokens,
        record.cachedTokens,
        record.generatedTokens
      )
    or ''
  table.insert(
    lines,
    ('  %.0f ms, of them %.0f for the model%s'):format(record.totalMs, record.modelMs, tokens)
  )
  for _, cut in ipairs(record.dropped) do
    local text = vim.trim(cut.text):gsub('%s+', ' ')
    table.insert(lines, ('  %s took: %s'):format(cut.filter, text))
  end
  return lines
end

---@param client vim.lsp.Client
---@param records table[]
local function show(client, records)
  local lines = { '# Why no suggestion?', '' }
  local status = require('codefuse.status').current()
  if status and status.state ~= 'ready' then
    vim.list_extend(lines, { status.message, '' })
  end
  if not require('codefuse.ghost').is_enabled() then
    vim.list_extend(lines, { 'Ghost text is off here; `:CodeFuse toggle` turns it on.', '' })
  end
  if #records == 0 then
    vim.list_extend(
      lines,
      { ('The server (process of %s) was asked for none yet.'):format(client.name), '' }
    )
  end
  for index = #records, 1, -1 do
    vim.list_extend(lines, described(records[index]))
  end
  views.show('why', table.concat(lines, '\n'), 'markdown')
end

--- Show what became of the last requests for ghost text, the newest first.
function M.run()
  local client = client_of.expect()
  if not client then
    return
  end
  client_of.call(client, 'codefuse/whyNoSuggestion', { count = COUNT }, {
    on_result = function(records, err)
      if records then
        show(client, records)
      else
        vim.notify('CodeFuse: ' .. (err or 'no answer'), vim.log.levels.ERROR)
      end
    end,
  })
end

--- Show exactly what the model would be shown at the cursor.
function M.prompt()
  local client = client_of.expect()
  if not client then
    return
  end
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  client_of.call(client, 'codefuse/inspectPrompt', params, {
    on_result = function(result, err)
      if result then
        views.show('prompt', result.prompt .. result.heal, 'text')
      else
        vim.notify(
          'CodeFuse: ' .. (err or 'nothing would be asked here; :CodeFuse why tells more.')
        )
      end
    end,
  })
end

return M
