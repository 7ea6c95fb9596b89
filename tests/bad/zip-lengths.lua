return unit {
	name = "x",
	params = zip {
		a = { 1, 2, 3 },
		b = { 1, 2 },
	},
	command = "true",
}
