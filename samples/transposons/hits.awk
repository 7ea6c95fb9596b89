# SPDX-License-Identifier: GPL-2.0-or-later
# Sums up a table of nhmmer's hits. Hits that overlap, on whichever strand, are one element.
# usage: awk -f hits.awk hits.txt

{
	# Columns 7 and 8: where the alignment begins and ends, backwards on strand -.
	first[NR] = $7 < $8 ? $7 + 0 : $8 + 0
	last[NR] = $7 < $8 ? $8 + 0 : $7 + 0
	strands[$12]++
	if (NR == 1 || $14 > score)
		score = $14 + 0
}

# The hit that begins first of those not seen yet, or 0.
function next_hit(    best, k) {
	best = 0
	for (k = 1; k <= NR; k++)
		if (!(k in seen) && (!best || first[k] < first[best]))
			best = k
	seen[best]
	return best
}

END {
	elements = bases = end = 0
	while ((hit = next_hit())) {
		if (first[hit] > end) {
			elements++
			end = first[hit] - 1
		}
		if (last[hit] > end) {
			bases += last[hit] - end
			end = last[hit]
		}
	}
	printf "{\"hits\": %d, \"forward\": %d, \"reverse\": %d, ", NR, strands["+"], strands["-"]
	printf "\"elements\": %d, \"bases\": %d, \"best_score\": %.1f}\n", elements, bases, score
}
