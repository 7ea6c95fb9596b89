return unit {
	name = "x",
	base = { name = "own" },
	command = "true",
}
