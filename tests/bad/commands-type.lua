return unit {
	commands = "true",
}
