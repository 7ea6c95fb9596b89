return unit {
	name = "x",
	app = {
		["a"] = text {},
		["b"] = text { content = "b" },
		[""] = text "top",
	},
	command = "true",
}
