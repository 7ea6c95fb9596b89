return unit {}
