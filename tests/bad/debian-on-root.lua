return debian {
	from = root "data",
	packages = { "less" },
}
