-- What a user's init.lua would be; the options come from the test.
vim.opt.swapfile = false
vim.opt.shortmess:append('I')
vim.o.messagesopt = 'wait:0,history:500' -- never wait for a key before more messages
vim.opt.runtimepath:prepend(vim.env.CODEFUSE_PLUGIN)
_G.notes = {}
local notify = vim.notify
vim.notify = function(sentence, ...)
  table.insert(_G.notes, sentence)
  return notify(sentence, ...)
end
require('codefuse').setup(vim.json.decode(vim.env.CODEFUSE_OPTIONS))
