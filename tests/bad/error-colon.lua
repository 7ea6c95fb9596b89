error("expected a ratio: 1:2: or so", 0)
