return unit {
	name = "x",
	machine = { cpu = 2, mem = "1G", timeout = "2m" },
	command = "true",
}
