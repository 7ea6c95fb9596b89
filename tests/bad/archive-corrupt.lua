return unit {
	name = "x",
	input = { archive "made/corrupt.tar.gz" },
	command = "true",
}
