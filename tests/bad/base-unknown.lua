return unit {
	name = "x",
	base = "minni",
	command = "true",
}
