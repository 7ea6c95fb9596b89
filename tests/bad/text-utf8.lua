return unit {
	name = "x",
	description = "\xff",
	params = { a = "\xff" },
	command = "true",
}
