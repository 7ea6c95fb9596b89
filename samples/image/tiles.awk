# SPDX-License-Identifier: GPL-2.0-or-later
# The parameters of each tile, a line each.
# usage: awk -v width=W -v height=H -v columns=C -v rows=R -f tiles.awk

BEGIN {
	print "image_width,image_height,left,top,width,height"
	for (row = 0; row < rows; row++)
		for (column = 0; column < columns; column++) {
			left = int(column * width / columns)
			top = int(row * height / rows)
			right = int((column + 1) * width / columns)
			bottom = int((row + 1) * height / rows)
			print width "," height "," left "," top "," right - left "," bottom - top
		}
}
