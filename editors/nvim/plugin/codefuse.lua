-- The command, there from the start; everything else is loaded when it is first needed.
if vim.g.loaded_codefuse then
  return
end
vim.g.loaded_codefuse = true

vim.api.nvim_create_user_command('CodeFuse', function(call)
  require('codefuse.command').run(call)
end, {
  nargs = '*',
  range = true,
  bang = true,
  desc = 'CodeFuse: chat, edit, explain, … (no word: what there is)',
  complete = function(...)
    return require('codefuse.command').complete(...)
  end,
})
