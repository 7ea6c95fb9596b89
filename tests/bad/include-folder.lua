local x = include "data"
