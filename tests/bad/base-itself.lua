return base {
	from = "./base-itself.lua",
	files = { ["etc/x"] = text "x" },
}
