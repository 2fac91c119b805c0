--- Which part of a suggestion is taken at once. Pure: text in, text out.

local M = {}

--- The next word: blanks before it, then a run of letters and digits, or of other signs.
---@param text string
---@return string
local function word(text)
  local blank = text:match('^%s*')
  local rest = text:sub(#blank + 1)
  local run = rest:match('^[%w_\128-\255]+') or rest:match('^[^%w_%s\128-\255]+') or ''
  return blank .. run
end

--- The next line, with the line breaks before it.
---@param text string
---@return string
local function line(text)
  return text:match('^\n*[^\n]*')
end

--- The part of a text that is accepted.
---@param text string
---@param kind 'all'|'word'|'line'
---@return string
function M.of(text, kind)
  if kind == 'word' then
    return word(text)
  end
  return kind == 'line' and line(text) or text
end

--- How many bytes of what stands right of the cursor a part has written itself: `)` of `b):` before a `)`.
---@param part string
---@param replaced string
---@return integer
function M.written_over(part, replaced)
  local count = 0
  for index = 1, #part do
    if count < #replaced and part:sub(index, index) == replaced:sub(count + 1, count + 1) then
      count = count + 1
    end
  end
  return count
end

--- A line of a suggestion in the pieces that go between the signs which stand there already; nil where they do not
--- come in it. `b):` before `)` is { { 0, 'b' }, { 1, ':' } }: an offset in bytes, and what is shown there.
---@param text string
---@param replaced string
---@return { [1]: integer, [2]: string }[]?
function M.between(text, replaced)
  local pieces, stop = {}, #text
  for index = #replaced, 1, -1 do -- from the right: what stands there are closers
    local sign, at = replaced:sub(index, index), nil
    for place = stop, 1, -1 do
      if text:sub(place, place) == sign then
        at = place
        break
      end
    end
    if not at then
      return nil
    end
    table.insert(pieces, 1, { index, text:sub(at + 1, stop) })
    stop = at - 1
  end
  table.insert(pieces, 1, { 0, text:sub(1, stop) })
  return vim.tbl_filter(function(piece)
    return piece[2] ~= ''
  end, pieces)
end

return M
