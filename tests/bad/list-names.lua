return unit {
	name = "x",
	params = list {
		{ a = 1, b = 2 },
		{ a = 3 },
		{ a = 4, c = 5 },
	},
	command = "true",
}
