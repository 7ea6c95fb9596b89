return unit {
	command = "true",
	name = frobnicate(1),
}
