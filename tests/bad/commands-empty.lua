return unit {
	commands = {},
}
