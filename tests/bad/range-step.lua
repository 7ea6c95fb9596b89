return unit {
	name = "x",
	params = grid { a = range(1, 10, -1) },
	command = "true",
}
