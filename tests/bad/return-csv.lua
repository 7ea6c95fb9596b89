return csv("data/none.csv")
