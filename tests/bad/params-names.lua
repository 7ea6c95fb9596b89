return unit {
	name = "x",
	params = {
		["a b"] = 1,
		["1st"] = 1,
		[""] = 1,
		["été"] = 1,
	},
	command = "true",
}
