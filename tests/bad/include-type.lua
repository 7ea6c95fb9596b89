local x = include { "data/helpers.lua" }
