return unit { name = "x", command = "true", params = grid {
	a = {},
}, app = {
	["a"] = text { "a", mode = "x" },
	["b"] = text {
		"b",
		mode = "y",
	},
} }
