return unit {
	commands = {
		"true",
		5,
		{ "echo", "{nmae}" },
		"",
	},
	params = { name = 1 },
}
