return unit {
	name = "x",
	machine = { 4, "1G" },
	command = "true",
}
