return unit {
	name = "x",
	app = {
		["a"] = archive { "made/good.tar", keep = "devises" },
		["b"] = archive { "made/good.tar", keep = { "Owners", "modes" } },
		["c"] = archive { "made/good.tar", keep = 7 },
	},
	command = "true",
}
