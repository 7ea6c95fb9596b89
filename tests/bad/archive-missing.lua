return unit {
	name = "x",
	app = {
		archive "made/none.tar",
		archive "data",
	},
	command = "true",
}
