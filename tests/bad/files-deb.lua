return unit {
	name = "x",
	app = { ["busybox"] = deb { "busybox-static", "bin/busybox" } },
	command = "true",
}
