-- The first name in sorted order varies slowest; single values count as lists of one.
return unit {
	command = "true",
	params = grid { b = { 1, 2 }, a = { "x", "y", "z" }, c = true },
}
