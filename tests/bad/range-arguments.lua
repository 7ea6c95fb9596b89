return unit {
	name = "x",
	params = grid { a = range(10) },
	command = "true",
}
