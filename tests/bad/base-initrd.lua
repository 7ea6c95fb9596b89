return base {
	kernel = deb "linux-image-cloud-amd64",
	initrd = {
		["bin/busybox"] = deb "busybox-static",
		["bin/sh"] = deb { "busybox-static", "bin/busybox", mod = "0755" },
		deb { "busybox-static", "bin/busybox" },
	},
}
