return unit {
	command = "echo {beta}",
}
