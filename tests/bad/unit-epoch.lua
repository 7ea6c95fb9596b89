return unit {
	name = "x",
	epoch = -1,
	command = "true",
}
