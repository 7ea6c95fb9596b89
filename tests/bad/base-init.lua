return base {
	kernel = deb "linux-image-cloud-amd64",
	init = true,
}
