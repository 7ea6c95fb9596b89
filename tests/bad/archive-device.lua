return unit {
	name = "x",
	input = { archive "made/fifo.tar" },
	command = "true",
}
