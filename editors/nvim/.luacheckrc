std = 'luajit'
read_globals = { 'vim' }
globals = { 'vim.bo', 'vim.wo', 'vim.b', 'vim.w', 'vim.g', 'vim.o', 'vim.opt', 'vim.opt_local' }
max_line_length = 120
max_comment_line_length = 120
self = false
