return unit {
	commands = { first = "true" },
}
