return unit {
	name = "x",
	base = file "mini.lua",
	command = "true",
}
