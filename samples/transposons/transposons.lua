return unit {
	name = "transposons",
	description = "Copies of the transposon MADE1 in a piece of human chromosome 1",
	licence = "GPL-2.0-or-later",
	base = "hmmer.lua",

	app = { "search.sh", "hits.awk" },
	input = { "MADE1.hmm", "dna_target.fa" },
	params = grid { evalue = { 1e-10, 1e-6, 1e-2, 10 } },
	command = "sh /app/search.sh {evalue} /input/MADE1.hmm /input/dna_target.fa",

	output = { size = "2M", metrics = "metrics.json" },
	machine = { memory = "256M", time = "2m" },
}
