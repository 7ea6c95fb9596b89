/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "common/quantity.h"
#include "condor.h"
#include "slurm.h"
#include "submit.h"

#define PACK_LIMIT 1000000
#define THROTTLE_LIMIT 1000000

static const char help[] =
	"usage: wurun submit slurm [OPTION…] UNIT [-- SBATCH-OPTION…]\n"
	"       wurun submit condor [-o DIR] [-p K] [-n] UNIT\n"
	"       wurun submit check [-o DIR] UNIT [ID…]\n"
	"\n"
	"slurm: hands the instances of a unit that have no result, and are not queued\n"
	"or running already, to a Slurm cluster as a job array, and prints its id. Unit,\n"
	"results and wurun must lie in folders that the nodes share.\n"
	"condor: the same as an HTCondor submit description.\n"
	"check: what tasks ask at their end: 0 where each instance has a result, else 125.\n"
	"\n"
	"  -o, --output DIR    the results' folder (default: results/NAME)\n"
	"  -p, --pack K        so many instances a task, one after another (default: 1)\n"
	"      --throttle N    at most so many tasks at once\n"
	"      --time T        a task's time (\"90m\", \"12h\"; default: K times the unit's\n"
	"                      limit, and some)\n"
	"  -n, --dry-run       write the files, print the command, submit nothing\n"
	"  -h, --help          this text\n"
	"\n"
	"What follows -- is for sbatch: `-- -p short -A physics`.\n";

enum { OPTION_THROTTLE = 256, OPTION_TIME };

static const struct option long_options[] = {{"output", required_argument, NULL, 'o'},
	{"pack", required_argument, NULL, 'p'},
	{"throttle", required_argument, NULL, OPTION_THROTTLE},
	{"time", required_argument, NULL, OPTION_TIME},
	{"dry-run", no_argument, NULL, 'n'}, {"help", no_argument, NULL, 'h'}, {0}};

static int refuse(
	const char *option, const char *wanted, const char *found, struct diag *d)
{
	return diag_fail(
		d, "submit: --%s: expected %s, found \"%s\"", option, wanted, found);
}

static int take_number(const char *option, const char *text, unsigned long limit,
	size_t *number, struct diag *d)
{
	char *end;

	errno = 0;
	*number = strtoul(text, &end, 10);
	if (errno || *end || text[0] < '0' || text[0] > '9' || *number < 1 ||
		*number > limit)
		return refuse(option, "a whole number from 1 to 1000000", text, d);
	return 0;
}

static int take_option(
	struct submit_options *o, int option, const char *value, struct diag *d)
{
	switch (option) {
	case 'o':
		o->output = value;
		return 0;
	case 'p':
		return take_number("pack", value, PACK_LIMIT, &o->pack, d);
	case OPTION_THROTTLE:
		return take_number("throttle", value, THROTTLE_LIMIT, &o->throttle, d);
	default:
		return quantity_parse_time(value, &o->time_ms) == 0 && o->time_ms > 0
			       ? 0
			       : refuse("time", "a time as in \"90m\" or \"12h\"", value,
					 d);
	}
}

static int check(struct submission *s, const struct stdio *stdio, struct diag *d)
{
	(void)stdio;
	if (s->count == 0)
		return 0;
	diag_fail(d, "%s: %zu without a result, %s among them", s->results.path, s->count,
		s->list[0]->id);
	return EXIT_HOST_FAILED;
}

struct engine {
	const char *name;
	int (*submit)(struct submission *s, const struct stdio *stdio, struct diag *d);
	int takes_ids, takes_limits, takes_extra;
};

static const struct engine engines[] = {
	{"slurm", slurm_submit, .takes_limits = 1, .takes_extra = 1},
	{"condor", condor_submit, .takes_ids = 0},
	{"check", check, .takes_ids = 1},
};

static const struct engine *find_engine(const char *name)
{
	for (size_t i = 0; i < sizeof(engines) / sizeof(*engines); i++)
		if (strcmp(engines[i].name, name) == 0)
			return &engines[i];
	return NULL;
}

/* Does the engine take all that was given? */
static int check_usage(const struct engine *e, const struct submit_options *o,
	size_t id_count, struct diag *d)
{
	if (id_count && !e->takes_ids)
		return diag_fail(d, "submit %s: expected one unit%s", e->name,
			e->takes_extra ? "; options for sbatch stand behind --" : "");
	if ((o->throttle || o->time_ms) && !e->takes_limits)
		return diag_fail(
			d, "submit %s: --throttle and --time are for slurm", e->name);
	if (o->extra_count && !e->takes_extra)
		return diag_fail(d, "submit %s: nothing may stand behind --", e->name);
	return 0;
}

/* argv: the engine, the unit, ids. */
static int submit(char *const *argv, int argc, struct submit_options *o,
	const struct stdio *stdio, struct diag *d)
{
	const struct engine *e = argc > 0 ? find_engine(argv[0]) : NULL;
	size_t id_count = argc > 2 ? (size_t)argc - 2 : 0;
	struct submission s;
	int status = EXIT_HOST_FAILED;

	if (!e || argc < 2) {
		diag_fail(d,
			"submit: expected a cluster's engine and a unit: wurun submit "
			"slurm UNIT or wurun submit condor UNIT");
		return EXIT_USAGE;
	}
	if (check_usage(e, o, id_count, d) < 0)
		return EXIT_USAGE;
	o->unit = argv[1];
	if (submission_open(&s, o, id_count ? argv + 2 : NULL, id_count, d) == 0)
		status = e->submit(&s, stdio, d);
	submission_clear(&s);
	return status;
}

static int run(int argc, char **argv, const struct stdio *stdio, struct diag *d)
{
	struct submit_options o = {.pack = 1};
	int own = 1, c;

	/* What follows -- is sbatch's, not getopt's. */
	while (own < argc && strcmp(argv[own], "--") != 0)
		own++;
	o.extra = argv + (own < argc ? own + 1 : own);
	o.extra_count = own < argc ? (size_t)(argc - own - 1) : 0;
	while ((c = getopt_long(own, argv, "o:p:nh", long_options, NULL)) != -1) {
		if (c == 'h')
			return fputs(help, stdio->out), 0;
		if (c == '?')
			return command_refuse_option(&cmd_submit, argv, d);
		o.dry |= c == 'n';
		if (optarg && take_option(&o, c, optarg, d) < 0)
			return EXIT_USAGE;
	}
	return submit(argv + optind, own - optind, &o, stdio, d);
}

const struct command cmd_submit = {
	.name = "submit",
	.summary = "hand the instances of a unit to a cluster",
	.help = help,
	.run = run,
};
