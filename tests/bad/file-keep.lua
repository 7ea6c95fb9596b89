return unit {
	name = "x",
	app = {
		["a"] = file { "data/cases.csv", keep = "mode" },
		["b"] = file { "data/cases.csv", keep = { "times", "everything", "xattr" } },
		["c"] = file { "data/cases.csv", keep = true },
		["d"] = file { "data/cases.csv", keep = { "times", 3, owner = true } },
		["e"] = text { "x", keep = "modes" },
		["f"] = folder { keep = "modes" },
		["g"] = file { "data/cases.csv", keep = "" },
	},
	command = "true",
}
