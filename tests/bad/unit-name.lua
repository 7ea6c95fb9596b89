return unit {
	name = "a b",
	command = "true",
}
