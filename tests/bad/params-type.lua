return unit {
	name = "x",
	params = 5,
	command = "true",
}
