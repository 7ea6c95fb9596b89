return unit {
	name = "x",
	params = grid { a = { 1, 2 } }:where(function(p)
		return p.b > 5
	end),
	command = "true",
}
