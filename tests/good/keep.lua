-- What files keep of what they are where they come from. The folder `made` comes from the
-- test.
return unit {
	app = {
		["all"] = archive { "made/kept.tar", keep = { "modes", "owners", "times", "xattrs", "devices" } },
		["owners"] = archive { "made/kept.tar", keep = { "owners", "devices" } },
		["times"] = archive { "made/kept.tar", keep = { "times", "devices" } },
		["modes"] = file { "made/kept", keep = { "modes", "devices" } },
		["one"] = file { "made/kept/program", keep = "modes" },
		["given"] = file { "made/kept/program", keep = "modes", mode = "4711" },
		["none"] = file { "made/kept/program", keep = {} },
	},
	command = "true",
}
