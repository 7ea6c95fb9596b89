return unit {
	name = "x",
	params = list {
		{ a = 1 },
		5,
		{ a = {} },
		{ ["a b"] = 1 },
	},
	command = "true",
}
