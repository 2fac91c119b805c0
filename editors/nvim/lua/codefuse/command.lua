--- `:CodeFuse word`: every word with what it does, as a table, and the completion of them.

local M = {}

---@class codefuse.Subcommand
---@field about string
---@field run fun(rest: string, lines?: codefuse.Lines, bang: boolean)
---@field words? string[] What can stand behind it.

---@param module string
---@return table
local function lazy(module)
  return setmetatable({}, {
    __index = function(_, name)
      return require('codefuse.' .. module)[name]
    end,
  })
end

local actions, chat, client, conversations =
  lazy('actions'), lazy('chat'), lazy('client'), lazy('chat.conversations')
local edit, findings, ghost, why = lazy('edit'), lazy('findings'), lazy('ghost'), lazy('why')

---@param kind? string
---@return fun(rest: string, lines?: codefuse.Lines)
local function action(kind)
  return function(_, lines)
    actions.run(kind, lines)
  end
end

--- Stop whatever is being written.
local function stop()
  local writers = { edit, chat }
  for _, writer in ipairs(writers) do
    if writer.stop() then
      return
    end
  end
  for _, module in ipairs({ 'commit', 'actions', 'findings' }) do
    local loaded = package.loaded['codefuse.' .. module]
    if loaded and loaded.writing then
      return loaded.writing.cancel()
    end
  end
  vim.notify('CodeFuse: nothing is being written. (`:CodeFuse! stop` ends the server.)')
end

---@param name string
---@param text string
---@return any
local function setting(name, text)
  if text == '' then
    vim.notify(('CodeFuse: say what %s is to be: `:CodeFuse set %s VALUE`.'):format(name, name))
    return nil
  end
  local is_json, value = pcall(vim.json.decode, text)
  return is_json and value or (not is_json and text) or value
end

---@type table<string, codefuse.Subcommand>
M.subcommands = {
  chat = {
    about = 'open the chat; lines are what it is about, words are asked at once',
    run = function(rest, lines)
      chat.open(lines, rest)
    end,
  },
  new = {
    about = 'begin a new conversation',
    run = function()
      chat.new()
    end,
  },
  conversations = {
    about = 'choose a conversation; words are searched for',
    run = function(rest)
      conversations.choose(rest)
    end,
  },
  regenerate = {
    about = 'answer the last question of the chat again',
    run = function()
      chat.regenerate()
    end,
  },
  export = {
    about = 'the conversation as Markdown',
    run = function()
      conversations.export()
    end,
  },
  edit = {
    about = 'change lines as an instruction says',
    run = function(rest, lines)
      edit.run(lines, rest)
    end,
  },
  accept = {
    about = 'accept the proposal that stands in the buffer',
    run = function()
      require('codefuse.hunks').act('accept_all')
    end,
  },
  reject = {
    about = 'reject the proposal that stands in the buffer',
    run = function()
      require('codefuse.hunks').act('reject_rest')
    end,
  },
  explain = {
    about = 'explain the function at the cursor, or lines',
    run = action('refactor.codefuse.explain'),
  },
  tests = { about = 'write tests', run = action('refactor.codefuse.tests') },
  fix = { about = 'fix the problems that are marked here', run = action('quickfix') },
  doc = {
    about = 'document the function at the cursor',
    run = action('refactor.codefuse.document'),
  },
  simplify = { about = 'say the same in less', run = action('refactor.rewrite.codefuse.simplify') },
  translate = {
    about = 'write the file in another language',
    run = action('refactor.codefuse.translate'),
  },
  actions = { about = 'everything that can be done here', run = action(nil) },
  review = {
    about = 'review the file, or lines; `review clear` takes the findings away',
    words = { 'clear' },
    run = function(rest, lines)
      if rest == 'clear' then
        findings.clear()
      else
        findings.run(lines)
      end
    end,
  },
  rename = {
    about = 'suggest names for what stands at the cursor',
    run = function()
      require('codefuse.names').run()
    end,
  },
  commit = {
    about = 'write a commit message for what is staged',
    run = function()
      require('codefuse.commit').run()
    end,
  },
  why = {
    about = 'why there was no suggestion',
    run = function()
      why.run()
    end,
  },
  prompt = {
    about = 'what the model would be shown at the cursor',
    run = function()
      why.prompt()
    end,
  },
  status = {
    about = 'how the model is',
    run = function()
      require('codefuse.status').show()
    end,
  },
  toggle = {
    about = 'ghost text on or off',
    run = function()
      ghost.enable(not ghost.is_enabled())
      vim.notify(('CodeFuse: ghost text is %s.'):format(ghost.is_enabled() and 'on' or 'off'))
    end,
  },
  stop = {
    about = 'stop what is being written; with ! end the server',
    run = function(_, _, bang)
      if bang then
        client.stop()
      else
        stop()
      end
    end,
  },
  restart = {
    about = 'end the server and begin it anew',
    run = function()
      client.restart()
    end,
  },
  set = {
    about = 'change a setting of the server while it runs',
    run = function(rest)
      local name, text = rest:match('^(%S+)%s*(.*)$')
      local value = name and setting(name, text)
      if value ~= nil then
        client.configure({ [name] = value })
      end
    end,
  },
  trust = {
    about = 'say whether what lies in this workspace may be run',
    run = function()
      require('codefuse.trust').ask()
    end,
  },
  log = {
    about = 'what the server has said of errors',
    run = function()
      vim.cmd.tabedit(vim.fn.fnameescape(vim.lsp.log.get_filename()))
      vim.cmd.normal({ 'G', bang = true })
    end,
  },
  health = {
    about = 'whether everything is there',
    run = function()
      vim.cmd.checkhealth('codefuse')
    end,
  },
} -- stylua: ignore

--- Everything, each with what it does.
local function list()
  local lines = { 'What CodeFuse does, `:CodeFuse` and a word:', '' }
  for _, name in ipairs(M.complete('', 'CodeFuse ')) do
    table.insert(lines, ('  %-14s %s'):format(name, M.subcommands[name].about))
  end
  require('codefuse.views').show('commands', table.concat(lines, '\n'), 'text')
end

--- Do what was called.
---@param call vim.api.keyset.create_user_command.command_args
function M.run(call)
  local name, rest = call.args:match('^(%S*)%s*(.-)%s*$')
  local lines = call.range > 0 and { first = call.line1, last = call.line2 } or nil
  if name == '' then
    return list()
  end
  local subcommand = M.subcommands[name]
  if not subcommand then
    return vim.notify(
      ('CodeFuse: there is no %q; `:CodeFuse` alone lists what there is.'):format(name),
      4
    )
  end
  subcommand.run(rest, lines, call.bang)
end

--- The words that can stand at the cursor of the command line.
---@param lead string
---@param line string
---@return string[]
function M.complete(lead, line)
  local behind = line:match('CodeFuse!?%s+(%S+)%s+')
  local words = behind and (M.subcommands[behind] or {}).words or vim.tbl_keys(M.subcommands)
  if behind and not (M.subcommands[behind] or {}).words then
    words = {}
  end
  local fitting = vim.tbl_filter(function(word)
    return vim.startswith(word, lead)
  end, words)
  table.sort(fitting)
  return fitting
end

return M
