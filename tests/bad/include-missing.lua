local helpers = include "data/helpres.lua"
