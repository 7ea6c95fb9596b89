return unit {
	name = "x",
	input = { "made/fifo" },
	command = "true",
}
