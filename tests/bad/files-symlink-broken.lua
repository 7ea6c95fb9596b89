return unit {
	name = "x",
	input = { "data/broken" },
	command = "true",
}
