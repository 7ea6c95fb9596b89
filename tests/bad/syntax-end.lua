return unit {
	name = "x",
