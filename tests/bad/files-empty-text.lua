return unit {
	name = "x",
	input = { "" },
	command = "true",
}
