return unit {
	name = "x",
	params = grid { beta = { 1, 2 } }:where(function(p)
		return p.bta > 1
	end),
	command = "true",
}
