return unit { command = "true" }
