local x = include "made/binary.lua"
