return unit {
	name = "x",
	params = "beta",
	command = "true",
}
