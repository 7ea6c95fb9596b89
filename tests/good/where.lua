return unit {
	command = "true",
	params = grid { a = range(1, 4), b = range(1, 4) }:where(function(p)
		return p.a < p.b and p.b % 2 == 0
	end),
}
