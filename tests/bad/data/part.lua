return {
	app = {
		["a"] = text { "a", mode = "x" },
	},
	params = grid {
		beta = { 1, {} },
	},
	machine = {
		cpus = "many",
	},
}
