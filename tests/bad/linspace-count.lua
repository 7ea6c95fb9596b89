return unit {
	name = "x",
	params = grid { a = linspace(0, 1, 2.5) },
	command = "true",
}
