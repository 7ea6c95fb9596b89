return unit {
	name = "x",
	output = { siez = "16M", metric = "m.json" },
	command = "true",
}
