return unit {
	name = "x",
	params = grid { a = logspace(0, 400, 3) },
	command = "true",
}
