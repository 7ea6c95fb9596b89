unit { name = "x", command = "true" }
