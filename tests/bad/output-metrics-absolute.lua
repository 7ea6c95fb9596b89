return unit {
	name = "x",
	output = { metrics = "/output/m.json" },
	command = "true",
}
