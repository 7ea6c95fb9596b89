return base {
	from = "mini",
	files = { ["etc/x"] = text "x" },
}
