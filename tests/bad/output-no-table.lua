return unit {
	name = "x",
	output = "16M",
	command = "true",
}
