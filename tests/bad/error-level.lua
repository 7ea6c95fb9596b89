local function check(x)
	if not x then
		error("expected x", 2)
	end
end

check(false)
