local helpers = include "../helpers.bash"
