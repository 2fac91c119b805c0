--- Chat: a conversation with the model, streamed into a buffer, that goes on after a restart.

local client_of = require('codefuse.client')
local input = require('codefuse.chat.input')
local references = require('codefuse.chat.references')
local transcript = require('codefuse.chat.transcript')
local window = require('codefuse.chat.window')

local M = {}

---@class codefuse.Conversation
---@field id? string
---@field title string

local conversation = { title = '' } ---@type codefuse.Conversation
local answering ---@type codefuse.Call?
local words ---@type string?
local place = 0 -- counts what was gone to: what comes late, for a former place, is not shown
local LONGEST_TITLE = 60
local MOST_TURNS = 1000 -- that the server gives at once

---@param sentence string
---@param level? integer
local function tell(sentence, level)
  vim.notify('CodeFuse: ' .. sentence, level or vim.log.levels.INFO)
end

--- Say above the windows how it stands.
local function retitle()
  local status = require('codefuse.status').current()
  local state = ''
  if answering and words then
    state = ('  ✎ %s, <C-c> stops'):format(words)
  elseif answering then
    local before = status and status.queuePosition
    local loads = status
      and (status.state == 'starting' or status.state == 'loading')
      and status.message
    local waits = before and before > 0 and ('waits for %d others'):format(before)
    state = ('  … %s, <C-c> stops'):format(loads or waits or 'reads')
  end
  window.title(
    (conversation.title ~= '' and conversation.title or 'CodeFuse') .. state,
    references.labels()
  )
end

vim.api.nvim_create_autocmd('User', {
  group = vim.api.nvim_create_augroup('codefuse.chat', { clear = true }),
  pattern = 'CodeFuseStatus',
  callback = function()
    if answering then
      retitle()
    end
  end,
})

---@param result table
---@return string[]
local function notes_on(result)
  local notes = vim.list_slice(result.leftOut or {})
  if result.finishReason == 'cancelled' then
    table.insert(notes, '⏹ stopped')
  elseif result.finishReason == 'length' then
    table.insert(notes, '… cut: the longest answer that the settings allow')
  end
  local usage = result.usage
  if usage then
    local told = ('%d tokens read, %d written'):format(usage.promptTokens, usage.completionTokens)
    local first = tonumber(result.firstTokenMs)
    table.insert(notes, told .. (first and (', the first after %.1f s'):format(first / 1000) or ''))
  end
  return notes
end

--- An answer that failed is kept, to be asked for again.
---@param turn codefuse.Turn
---@param question? codefuse.Turn
---@param data any
local function keep_failed(turn, question, data)
  if type(data) == 'table' and data.conversationId then
    conversation.id = data.conversationId
    turn.id = data.turnId
    if question then
      question.id = data.questionId
    end
  end
end

--- The server to ask: that of the code; where there is none, the user is told so.
---@return vim.lsp.Client?
local function server()
  return client_of.expect(vim.api.nvim_win_get_buf(window.code() or 0))
end

--- Leave what is shown for something else: an answer that is being written is stopped, and shown no more.
---@return integer
local function leave()
  if M.stop() then
    transcript.note({ '⏹ stopped' })
  end
  answering, place = nil, place + 1
  return place
end

--- Ask a server for an answer and stream it behind what was said.
---@param client vim.lsp.Client
---@param method string
---@param params table
---@param question? codefuse.Turn
---@param done? fun(result: table)
---@param failed? fun() Nothing of it is kept.
local function answer(client, method, params, question, done, failed)
  place = place + 1
  local turn = transcript.add('bot', '')
  local mine ---@type codefuse.Call
  words = nil
  mine = client_of.call(client, method, params, {
    on_delta = function(text)
      if answering == mine then
        transcript.extend(turn, text)
        words = ('%d words'):format(select(2, turn.text:gsub('%S+', '')))
        retitle()
      end
    end,
    on_result = function(result, err, data)
      if answering ~= mine then
        return
      end
      answering = nil
      if result then
        conversation.id = result.conversationId
        transcript.finish(
          turn,
          result.text,
          { id = result.turnId, blocks = result.codeBlocks, notes = notes_on(result) }
        )
        if question then
          question.id = result.questionId
        end
        if done then
          done(result)
        end
      else
        keep_failed(turn, question, data)
        if failed and not turn.id then
          failed()
        end
        transcript.note({ '✗ ' .. (err or 'stopped') })
      end
      retitle()
      vim.api.nvim_exec_autocmds('User', { pattern = 'CodeFuseAnswered', modeline = false })
    end,
  })
  answering = mine
  retitle()
end

--- A question as it is shown, with what it is about.
---@param message string
---@param labels string[]
---@return string
local function with_labels(message, labels)
  return #labels > 0 and ('%s\n\n*about %s*'):format(message, table.concat(labels, ', ')) or message
end

--- Ask a question in the conversation that is open.
---@param message string
---@return boolean asked
function M.ask(message)
  if answering then
    tell('the last answer is still being written; <C-c> stops it.')
    return false
  end
  local client = server()
  if not client then
    return false
  end
  local about, labels = references.take(message)
  local question = transcript.add('human', with_labels(message, labels))
  if conversation.title == '' then
    conversation.title = vim.fn.strcharpart(vim.split(message, '\n')[1], 0, LONGEST_TITLE)
  end
  local last = transcript.turns[#transcript.turns - 1]
  answer(
    client,
    'codefuse/chat',
    {
      message = message,
      conversationId = conversation.id,
      references = #about > 0 and about or nil,
      parentTurnId = last and last.id,
    },
    question,
    nil,
    function()
      if input.text():match('^%s*$') then
        input.set(message) -- it can be sent again
      end
    end
  )
  return true
end

--- Send what is written.
function M.send()
  local message = vim.trim(input.text())
  if message ~= '' and M.ask(message) then
    input.set('')
  end
end

--- Stop the answer; what was said stays.
---@return boolean stopped Whether one was being written.
function M.stop()
  if answering then
    answering.cancel()
  end
  return answering ~= nil
end

--- Open the chat; lines are what the next question is about, and a message is asked at once.
---@param lines? codefuse.Lines
---@param message? string
function M.open(lines, message)
  local bufnr = vim.api.nvim_get_current_buf()
  if lines then
    references.add_lines(bufnr, lines)
  end
  window.open()
  require('codefuse.chat.keys').attach()
  retitle()
  if message and message ~= '' then
    M.ask(message)
  else
    vim.cmd.startinsert()
  end
end

--- Open the chat, or close it where it is open.
function M.toggle()
  if window.is_open() then
    window.close()
  else
    M.open()
  end
end

--- Begin a new conversation.
function M.new()
  leave()
  conversation = { title = '' }
  references.clear()
  transcript.clear()
  M.open()
end

---@param turn codefuse.Turn?
---@return codefuse.Turn? turn
---@return integer index
local function kept(turn)
  if not turn or not turn.id or not conversation.id then
    tell('this is not kept in a conversation yet.')
    return nil, 0
  end
  return turn, vim.fn.index(transcript.turns, turn) + 1
end

--- Show turns, and no others.
---@param turns codefuse.Turn[]
local function show(turns)
  transcript.clear()
  for _, turn in ipairs(turns) do
    transcript.add(turn.role, turn.text, turn)
  end
end

--- Ask the server for another branch, and show the conversation with it.
---@param method string
---@param params table
---@param from codefuse.Turn The first turn that is not said any more.
---@param question? string
local function branch(method, params, from, question)
  local client = server()
  if not client then
    return
  end
  local before = transcript.turns
  transcript.remove_from(from)
  local turn = question and transcript.add('human', question)
  params = vim.tbl_extend('force', { conversationId = conversation.id }, params)
  answer(client, method, params, turn, function(result)
    M.load(result.conversationId, result.turnId)
  end, function()
    show(before)
  end)
end

--- Answer a question again.
---@param turn? codefuse.Turn The answer, or its question; by default the last.
function M.regenerate(turn)
  local chosen, index = kept(turn or transcript.turns[#transcript.turns])
  if chosen and chosen.role == 'human' then
    chosen = kept(transcript.turns[index + 1])
  end
  if chosen and not answering then
    branch('codefuse/conversations/regenerate', { turnId = chosen.id }, chosen)
  end
end

--- Say a question otherwise.
---@param turn? codefuse.Turn
function M.edit(turn)
  local chosen, index = kept(turn)
  if chosen and chosen.role == 'bot' then
    chosen = kept(transcript.turns[index - 1])
  end
  if not chosen or answering then
    return
  end
  local said = chosen.text:gsub('\n\n%*about [^\n]*%*$', '')
  vim.ui.input({ prompt = 'Ask instead: ', default = said }, function(message)
    if message and message:match('%S') then
      local about = references.take(message)
      local params =
        { turnId = chosen.id, message = message, references = #about > 0 and about or nil }
      branch('codefuse/conversations/edit', params, chosen, message)
    end
  end)
end

--- Show a conversation: the branch that ends at a turn, or the newest.
---@param id string
---@param turn_id? string
function M.load(id, turn_id)
  local client = client_of.expect()
  if not client then
    return
  end
  local here = leave()
  local params = { conversationId = id, turnId = turn_id, limit = MOST_TURNS }
  client_of.call(client, 'codefuse/conversations/open', params, {
    on_result = function(result, err)
      if here ~= place then
        return
      elseif not result then
        return tell(err or 'there is no such conversation', vim.log.levels.ERROR)
      end
      conversation = { id = result.conversationId, title = result.title }
      show(vim.tbl_map(function(turn)
        local text = with_labels(turn.text, vim.tbl_map(references.label, turn.references or {}))
        return vim.tbl_extend(
          'force',
          turn,
          { id = turn.turnId, blocks = turn.codeBlocks, text = text }
        )
      end, result.turns))
      if (result.earlier or 0) > 0 then
        tell(('%d turns before these are not shown; `gX` has them all.'):format(result.earlier))
      end
      retitle()
    end,
  })
end

--- Show the next branch at a turn that was answered or asked in several ways.
---@param turn? codefuse.Turn
---@param step integer
function M.sibling(turn, step)
  if turn and turn.id and #turn.siblings > 1 and not answering then
    local index = vim.fn.index(turn.siblings, turn.id)
    M.load(conversation.id, turn.siblings[(index + step) % #turn.siblings + 1])
  end
end

--- The conversation that is open.
---@return codefuse.Conversation
function M.current()
  return conversation
end

--- Take a new title.
---@param title string
function M.retitle(title)
  conversation.title = title
  retitle()
end

return M
