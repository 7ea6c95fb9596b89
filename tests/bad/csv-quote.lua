return unit {
	name = "x",
	params = csv "data/quote.csv",
	command = "true",
}
