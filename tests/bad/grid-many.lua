return unit {
	name = "x",
	params = grid {
		a = range(1, 1001),
		b = range(1, 1000),
	},
	command = "true",
}
