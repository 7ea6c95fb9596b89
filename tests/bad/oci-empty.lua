return unit {
	base = oci {},
}
