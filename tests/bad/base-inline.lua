return unit {
	command = "true",
	base = base {
		name = "own",
		kernal = deb "linux-image-cloud-amd64",
	},
}
