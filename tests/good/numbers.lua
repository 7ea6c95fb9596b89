-- However a number is written, one value has one text.
return unit {
	command = "true",
	params = grid { n = {
		0, -0.0, 1, 100.0, 1e2, 0.1, 0.1 + 0.2, 1 / 3, 1e15, 1e21, -1.5e-7, 5e-324, 1 << 53,
		math.maxinteger, math.mininteger, 2 ^ 62, 6.02214076e23,
	} },
}
