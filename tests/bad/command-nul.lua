return unit {
	command = "a\0b",
}
