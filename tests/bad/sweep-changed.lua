return unit {
	name = "x",
	params = (function()
		local g = grid { a = { 1 } }
		g.rows = {}
		return g
	end)(),
	command = "true",
}
