return unit {
	name = "x",
	machine = { memory = "17T" },
	command = "true",
}
