return unit {
	command = "true",
	commands = { "true" },
}
