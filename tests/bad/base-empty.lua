return base {}
