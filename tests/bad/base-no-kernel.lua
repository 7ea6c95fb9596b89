return base {
	name = "x",
}
