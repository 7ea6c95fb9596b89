return unit {
	name = "x",
	machine = {
		cpus = "two",
		memory = 128,
		time = {},
		network = true,
		user = 0,
	},
	command = "true",
}
