return unit {
	name = "x",
	params = grid {
		a = {},
		b = { 1, {}, 0 / 0 },
		c = { x = 1 },
		["d e"] = { 1 },
		f = "a\tb",
		g = print,
		h = grid { i = { 1 } },
	},
	command = "true",
}
