return unit {
	name = "x",
	input = 5,
	command = "true",
}
