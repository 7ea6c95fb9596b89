return unit {
	name = "x",
	params = { 1, 2 },
	command = "true",
}
