local function sweep()
	return grid { a = {} }
end

return unit { command = "true", params = sweep() }
