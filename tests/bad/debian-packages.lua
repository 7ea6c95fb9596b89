return unit {
	command = "true",
	base = debian {
		packages = { "less", "No Such", "-o" },
		suit = "bookworm",
	},
}
