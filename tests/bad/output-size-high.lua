return unit {
	name = "x",
	output = { size = "9T" },
	command = "true",
}
