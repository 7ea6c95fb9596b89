return unit {
	params = { name = 1 },
	command = {
		"echo",
		"--x={nmae}",
	},
}
