return unit { command = "echo hello" }
