return unit {
	name = "x",
	base = 5,
	command = "true",
}
