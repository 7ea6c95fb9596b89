return unit {
	name = "x",
	epoch = 1.5,
	command = "true",
}
