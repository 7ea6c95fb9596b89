return include "data/round-b.lua"
