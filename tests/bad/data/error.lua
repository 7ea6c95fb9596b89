return function()
	local t
	return t.x
end
