return { name = "x", command = "true" }
