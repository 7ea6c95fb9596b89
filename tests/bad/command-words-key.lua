return unit {
	command = { "awk", f = "x" },
}
