return unit {
	name = "x",
	params = { beta = { 1, 2 } },
	command = "true",
}
