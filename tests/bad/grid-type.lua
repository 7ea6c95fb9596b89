return unit {
	name = "x",
	params = grid(5),
	command = "true",
}
