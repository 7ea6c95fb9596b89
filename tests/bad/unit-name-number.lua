return unit {
	name = 5,
	command = "true",
}
