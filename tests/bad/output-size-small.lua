return unit {
	name = "x",
	output = { size = "100K" },
	command = "true",
}
