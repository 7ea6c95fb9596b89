-- R with its standard packages and data sets. For more: from = "debian-r",
-- packages = { "r-cran-ggplot2" }.

return debian {
	name = "debian-r",
	description = "Debian with R",
	from = "debian",
	packages = { "r-base-core" },
}
