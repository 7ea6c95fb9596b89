local function f()
	return hepler(1)
end

return unit { command = f() }
