return unit {
	name = "x",
	base = "bases/none.lua",
	command = "true",
}
