return unit {
	name = "x",
	input = { "data/*.parquet" },
	command = "true",
}
