
return include "data/round-a.lua"
