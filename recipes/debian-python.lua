-- Python with numpy. For more: from = "debian-python", packages = { "python3-scipy" }.

return debian {
	name = "debian-python",
	description = "Debian with Python and numpy",
	from = "debian",
	packages = { "python3-numpy" },
}
