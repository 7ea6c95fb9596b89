return unit {
	name = "x",
	input = { "../helpers.bash" },
	command = "true",
}
