local Stack = {}
Stack.__index = Stack

--- Makes a stack.
-- @param limit the most it holds
function Stack.new(limit)
  return setmetatable({ items = {}, limit = limit or math.huge }, Stack)
end

function Stack:push(...)
  for _, value in ipairs({ ... }) do
    if #self.items >= self.limit then
      return false
    end
    self.items[#self.items + 1] = value
  end
  return true
end

function Stack:pop()
  -- nil when it is empty
  local value = self.items[#self.items]
  self.items[#self.items] = nil
  return value
end

local function map(list, f)
  local found = {}
  for index, value in ipairs(list) do
    found[index] = f(value)
  end
  return found
end

local help = function()
  return [[
usage: stack
    push VALUE
]]
end

return { Stack = Stack, map = map, help = help }
