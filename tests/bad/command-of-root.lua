return unit {
	base = "mini",
}
