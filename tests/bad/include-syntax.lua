local x = include "data/syntax.lua"
