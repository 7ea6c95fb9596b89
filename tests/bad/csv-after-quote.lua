return unit {
	name = "x",
	params = csv "data/after-quote.csv",
	command = "true",
}
