return unit {
	name = "x",
}
