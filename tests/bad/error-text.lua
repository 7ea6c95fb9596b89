error("no data for this year")
