local part = include "data/part.lua"
return unit {
	command = "true",
	app = part.app,
	params = part.params,
	machine = part.machine,
}
