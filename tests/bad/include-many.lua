for _ = 1, 10000 do
	pcall(include, "nothing")
end
return include "include.lua"
