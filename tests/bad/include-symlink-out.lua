local x = include "data/out"
