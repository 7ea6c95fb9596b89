return unit { command = "echo hello from $(uname -sr)" }
