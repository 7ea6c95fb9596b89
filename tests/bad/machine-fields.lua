return unit {
	name = "x",
	machine = {
		cpus = 0,
		memory = "63M",
		time = "soon",
		network = "bridge",
		user = "nobody",
	},
	command = "true",
}
