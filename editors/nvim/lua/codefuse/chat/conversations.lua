--- Conversations that were kept: found, opened, named, deleted, written to a file.

local client_of = require('codefuse.client')

local M = {}

---@param sentence string
---@param level? integer
local function tell(sentence, level)
  vim.notify('CodeFuse: ' .. sentence, level or vim.log.levels.INFO)
end

---@param method string
---@param params table
---@param on_result fun(result: table)
local function ask(method, params, on_result)
  local client = client_of.expect()
  if not client then
    return
  end
  client_of.call(client, method, params, {
    on_result = function(result, err)
      if result then
        on_result(result)
      elseif err then
        tell(err, vim.log.levels.ERROR)
      end
    end,
  })
end

---@return string? id
local function open_one()
  local id = require('codefuse.chat').current().id
  if not id then
    tell('there is no conversation yet.')
  end
  return id
end

---@param item table
---@return string
local function described(item)
  local snippet = item.snippet ~= vim.NIL
      and item.snippet ~= ''
      and '  ' .. item.snippet:gsub('%s+', ' ')
    or ''
  return ('%s  (%d turns)%s'):format(item.title, item.turns, snippet)
end

--- Choose one of the conversations, all or those that hold some words.
---@param query? string
function M.choose(query)
  local params = { query = query ~= '' and query or nil, limit = 100 }
  ask('codefuse/conversations', next(params) and params or vim.empty_dict(), function(result)
    if #result.items == 0 then
      return tell(
        params.query and ('no conversation holds %q.'):format(params.query)
          or 'there are no conversations yet.'
      )
    end
    vim.ui.select(
      result.items,
      { prompt = 'Conversations', format_item = described },
      function(item)
        if item then
          local chat = require('codefuse.chat')
          chat.open()
          chat.load(item.conversationId)
        end
      end
    )
  end)
end

--- Delete the conversation that is open, once the user has confirmed it.
function M.delete()
  local id = open_one()
  if id and vim.fn.confirm('Delete this conversation?', '&Delete\n&Keep', 2) == 1 then
    ask('codefuse/conversations/delete', { conversationId = id }, function()
      require('codefuse.chat').new()
    end)
  end
end

--- Give the conversation that is open another title.
---@param title? string
function M.rename(title)
  local id = open_one()
  if not id then
    return
  end
  local function take(given)
    if given and given:match('%S') then
      ask('codefuse/conversations/rename', { conversationId = id, title = given }, function(result)
        require('codefuse.chat').retitle(result.title)
      end)
    end
  end
  if title and title ~= '' then
    return take(title)
  end
  vim.ui.input({ prompt = 'Title: ', default = require('codefuse.chat').current().title }, take)
end

--- Show the conversation that is open as Markdown, to be written where the user likes.
function M.export()
  local id = open_one()
  if id then
    ask('codefuse/conversations/export', { conversationId = id }, function(result)
      vim.cmd.tabnew()
      vim.bo.filetype = 'markdown'
      vim.api.nvim_buf_set_lines(
        0,
        0,
        -1,
        false,
        vim.split(result.markdown, '\n', { plain = true })
      )
    end)
  end
end

return M
