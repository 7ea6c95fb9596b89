return unit {
	name = "x",
	params = grid { a = range(1, 1e9) },
	command = "true",
}
