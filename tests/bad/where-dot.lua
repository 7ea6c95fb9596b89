return unit {
	name = "x",
	params = grid { a = { 1, 2 } }.where(function()
		return true
	end),
	command = "true",
}
