local t = setmetatable({}, { __gc = print })
