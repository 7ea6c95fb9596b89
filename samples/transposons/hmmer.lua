-- HMMER on Debian; hmmer.lock pins it, `wuc base build --update hmmer.lua` renews that.

return debian {
	name = "hmmer",
	description = "Debian with HMMER",
	from = "debian",
	packages = { "hmmer" },
}
