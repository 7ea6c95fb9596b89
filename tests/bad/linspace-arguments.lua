return unit {
	name = "x",
	params = grid { a = linspace(0, 1) },
	command = "true",
}
