return unit {
	name = "x",
	base = "data/unit.lua",
	command = "true",
}
