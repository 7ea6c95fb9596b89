return unit {
	name = "x",
	machine = { cpus = 1.5 },
	command = "true",
}
