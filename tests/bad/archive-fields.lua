return unit {
	name = "x",
	app = {
		archive {},
		archive { "made/good.tar", strip = -1 },
		archive { "made/good.tar", strp = 1 },
		archive "made/none.tar",
		archive "data",
	},
	command = "true",
}
