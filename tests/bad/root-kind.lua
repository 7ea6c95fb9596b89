return unit {
	base = root { text "hello" },
	command = "true",
}
