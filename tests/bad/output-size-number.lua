return unit {
	name = "x",
	output = { size = 16 },
	command = "true",
}
