--- CodeFuse for Neovim: ghost text, chat and edits from a model on your own machine, by way of codefuse-lsp.
---
--- What is public is here; the rooms behind it are loaded when they are first needed.

local M = {}

--- Begin, with what you want otherwise than by default. It can be called again.
---@param options? codefuse.Options
function M.setup(options)
  local config = require('codefuse.config').take(options)
  local group = vim.api.nvim_create_augroup('codefuse', { clear = true })
  vim.api.nvim_create_autocmd({ 'FileType', 'BufFilePost' }, {
    group = group,
    desc = 'Let codefuse-lsp know the buffer',
    callback = function(event)
      require('codefuse.client').attach(event.buf)
    end,
  })
  vim.api.nvim_create_autocmd('BufReadCmd', {
    group = group,
    pattern = 'codefuse:*',
    desc = 'Read what codefuse-lsp has written',
    callback = function(event)
      require('codefuse.views').read(event.buf, event.match)
    end,
  })
  vim.api.nvim_create_autocmd('ColorScheme', { group = group, callback = M._highlight })
  M._highlight()
  if config.keymaps then
    require('codefuse.keymaps').set_prefixed(config.keymaps.prefix)
  end
  if vim.v.vim_did_enter == 1 then
    require('codefuse.client').attach_all()
  end
end

--- Change settings of the server while it runs: those that its README marks with ◦. The others need a restart.
---@param settings table<string, any>
function M.configure(settings)
  require('codefuse.client').configure(settings)
end

--- Accept the suggestion. Returns false where there is none, for keys that have another meaning then.
---@return boolean
function M.accept()
  return require('codefuse.ghost').accept('all')
end

--- Accept the suggestion's next word.
---@return boolean
function M.accept_word()
  return require('codefuse.ghost').accept('word')
end

--- Accept the suggestion's next line.
---@return boolean
function M.accept_line()
  return require('codefuse.ghost').accept('line')
end

--- Show another suggestion for the same place.
---@param count? integer Negative for an earlier one (default 1).
function M.next(count)
  require('codefuse.ghost').cycle(count or 1)
end

--- Take the suggestion away.
---@return boolean
function M.dismiss()
  return require('codefuse.ghost').dismiss()
end

--- Ask for a suggestion now.
function M.ask()
  require('codefuse.ghost').ask()
end

--- A few words for the statusline: how the model is. '' in buffers without CodeFuse.
---@return string
function M.statusline()
  local status = package.loaded['codefuse.status']
  return status and status.line() or ''
end

--- How the model is, as the server last told.
---@return codefuse.Status?
function M.status()
  local status = package.loaded['codefuse.status']
  return status and status.current() or nil
end

local LINKS = {
  CodeFuseGhost = 'NonText',
  CodeFuseAdded = 'DiffAdd',
  CodeFuseDeleted = 'DiffDelete',
  CodeFuseLabel = 'DiagnosticInfo',
  CodeFuseKey = 'Special',
  CodeFuseHuman = 'Title',
  CodeFuseBot = 'Function',
  CodeFuseNote = 'Comment',
}

function M._highlight()
  for name, link in pairs(LINKS) do
    vim.api.nvim_set_hl(0, name, { link = link, default = true })
  end
end

return M
