return unit {
	name = "x",
	params = grid { { 1, 2 } },
	command = "true",
}
