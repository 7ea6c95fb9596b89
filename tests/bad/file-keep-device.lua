-- What is kept says nothing of devices and pipes, or of a mode that the recipe gives.
return unit {
	name = "x",
	app = {
		["a"] = file { "made/fifo", keep = { "modes", "owners", "times", "xattrs" } },
		["b"] = archive { "made/fifo.tar", keep = "modes" },
		["c"] = file { "data/cases.csv", mode = "4755", keep = { "owners", "times" } },
	},
	command = "true",
}
