return unit "x"
