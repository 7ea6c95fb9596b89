return unit()
