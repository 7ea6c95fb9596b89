return unit {
	name = "x",
	input = { archive "made/truncated.tar.gz" },
	command = "true",
}
