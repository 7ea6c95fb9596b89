return unit {
	name = "x",
	params = grid { a = linspace(0, 1 / 0, 3) },
	command = "true",
}
