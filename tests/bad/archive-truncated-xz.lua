return unit {
	name = "x",
	input = { archive "made/truncated.tar.xz" },
	command = "true",
}
