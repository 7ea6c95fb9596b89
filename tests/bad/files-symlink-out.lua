return unit {
	name = "x",
	input = { "data/out" },
	command = "true",
}
