local x = include "data/error.lua"
return unit { command = x() }
