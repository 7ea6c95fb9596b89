return unit(5)
