return unit {
	name = "x",
	input = { archive "made/absolute.tar" },
	command = "true",
}
