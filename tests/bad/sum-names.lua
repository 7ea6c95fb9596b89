return unit {
	name = "x",
	params = grid { a = { 1 } } + grid { b = { 2 } },
	command = "true",
}
