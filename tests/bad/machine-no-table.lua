return unit {
	name = "x",
	machine = "big",
	command = "true",
}
