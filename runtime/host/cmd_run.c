/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "accel.h"
#include "command.h"
#include "common/file.h"
#include "common/quantity.h"
#include "common/workdir.h"
#include "host.h"
#include "news.h"
#include "parts.h"
#include "runtime/unit.h"
#include "sweep.h"
#include "verify.h"

static const char help[] =
	"usage: wurun run [OPTION…] UNIT [ID…]\n"
	"\n"
	"Runs the instances of a unit (all of them, or those named by an id or the\n"
	"beginning of one) and leaves a folder for each below results/NAME. An instance\n"
	"that has a result already is not run again, unless the unit changed since.\n"
	"\n"
	"  -o, --output DIR      the results' folder (default: what the unit\n"
	"                        says, else results/NAME)\n"
	"  -j, --jobs N          so many at once (default: what processors and memory "
	"hold)\n"
	"      --accel A         auto (default), kvm or tcg; auto takes KVM where a "
	"guest\n"
	"                        really boots with it\n"
	"      --warm W          auto (default), on or off: let instances go on from a "
	"guest\n"
	"                        that was saved when it was ready, in place of a boot "
	"each\n"
	"      --timeout T       time limit for each instance, in place of the unit's "
	"own\n"
	"                        (\"90\", \"10m\", \"2h\"; 0: none)\n"
	"      --boot-timeout T  a guest that said nothing by then is ended (default: 30s\n"
	"                        with KVM, 3m without; four times that for a base that is\n"
	"                        a whole disk; none for a unit of layout single)\n"
	"      --keep WHAT       keep output disks of none (default), failed or all\n"
	"      --reboot          a guest for each instance, also where one that boots its own\n"
	"                        disk could run several one after the other\n"
	"      --rerun-failed    run those again that failed\n"
	"      --retries N       try N times more where the host or the boot failed, or\n"
	"                        the guest left no result (default 0)\n"
	"      --scratch DIR     run in DIR, on a local disk say; only results go to the\n"
	"                        results' folder\n"
	"      --verify          check the digests of all the unit's files first\n"
	"      --json            news on standard output, a JSON object a line\n"
	"  -q, --quiet           no news, only complaints\n"
	"  -v, --verbose         more news\n"
	"  -h, --help            this text\n"
	"\n"
	"A run of one instance shows the application's own output live.\n"
	"Exit status: for one instance the application's, 124 for the time limit, 128+n\n"
	"for signal n, 125 where the runtime or the host failed; for several 0, 1 where\n"
	"some failed, 125 where the host did.\n";

struct options {
	const char *unit, *output;
	char *const *ids;
	size_t id_count;
	size_t jobs; /* 0: as many as fit */
	size_t retries;
	const char *scratch;
	enum accel_wish wish;
	enum warm_wish warm;
	const char *timeout;
	uint64_t timeout_ms, boot_ms;
	enum keep keep;
	int reboot, rerun_failed, verify, json, quiet, verbose;
};

/* Everything that a run holds; clear_run() gives it back. */
struct run {
	const struct options *options;
	struct manifest manifest;
	struct results results;
	struct qemu_program program;
	struct instance_context context;
	const struct manifest_instance **list; /* to run */
	size_t count;
	struct news news;
	struct relay out, err;
	char *results_path;
	struct utsname host;
	int signals;
	enum accelerator accelerator;
	struct warm warm;
};

static void clear_run(struct run *r)
{
	results_close(&r->results);
	manifest_clear(&r->manifest);
	qemu_forget(&r->program);
	news_clear(&r->news);
	relay_clear(&r->out);
	relay_clear(&r->err);
	warm_clear(&r->warm);
	file_close(&r->context.unit);
	parts_close(&r->context);
	file_close(&r->signals);
	free(r->results_path);
	free(r->list);
}

static int open_unit(struct run *r, struct diag *d)
{
	const struct options *o = r->options;
	struct instance_context *c = &r->context;
	int (*verify)(int, const char *, const struct manifest *, struct diag *) =
		o->verify ? verify_digests : verify_sizes;

	c->unit = open(o->unit, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->unit < 0)
		return diag_fail_errno(d, "%s", o->unit);
	if (manifest_load(c->unit, o->unit, &r->manifest, d) < 0 ||
		verify(c->unit, o->unit, &r->manifest, d) < 0)
		return -1;
	return parts_open(c, o->unit, &r->manifest, d);
}

static int is_listed(const struct run *r, const struct manifest_instance *i)
{
	for (size_t n = 0; n < r->count; n++)
		if (r->list[n] == i)
			return 1;
	return 0;
}

static int select_instances(struct run *r, struct diag *d)
{
	const struct manifest *m = &r->manifest;
	const struct options *o = r->options;
	int rc = 0;

	r->list = memory_alloc((m->instance_count + o->id_count) * sizeof(*r->list));
	for (size_t n = 0; n < o->id_count; n++) {
		const struct manifest_instance *i =
			manifest_find_instance(m, o->ids[n], d);

		if (!i)
			rc = -1;
		else if (!is_listed(r, i))
			r->list[r->count++] = i;
	}
	for (size_t n = 0; o->id_count == 0 && n < m->instance_count; n++)
		r->list[r->count++] = &m->instances[n];
	return rc;
}

/* What another run has made of it since we began is as good as ours. */
static int is_to_be_rerun(const struct run *r, const struct journal_entry *e)
{
	return strcmp(e->class, WU_CLASS_OK) != 0 && r->options->rerun_failed &&
	       !e->is_new;
}

static int is_finished(const struct run *r, const struct manifest_instance *i,
	const struct journal_entry *e)
{
	return results_is_current(e, &r->manifest, i, r->context.time_ms) &&
	       !is_to_be_rerun(r, e);
}

/* 1, and the news of it, where it has its result. */
static int reuse(struct run *r, const struct manifest_instance *i)
{
	const struct journal_entry *e = results_find(&r->results, i->id);

	if (!e || !is_finished(r, i, e))
		return 0;
	news_reuse(&r->news, i, e);
	return 1;
}

/* Takes those off the list that have their result. */
static void drop_finished(struct run *r)
{
	size_t left = 0;

	for (size_t n = 0; n < r->count; n++)
		if (!reuse(r, r->list[n]))
			r->list[left++] = r->list[n];
	r->count = left;
	journal_mark(&r->results.journal);
}

static void hear_ended(void *run, const struct instance *i, int again)
{
	struct run *r = run;

	if (!again)
		journal_release(&r->results.journal, i->what->id);
	news_ended(&r->news, i, again);
}

static void hear_fell_back(void *run)
{
	news_fell_back(&((struct run *)run)->news);
}

static void hear_warm(void *run, const char *why)
{
	news_say(&((struct run *)run)->news, why);
}

static int hear_turn(void *run, const struct sweep_state *state)
{
	return news_turn(&((struct run *)run)->news, state);
}

/* Who has the claim writes what became of it to the journal before it lets go. */
static enum sweep_answer ask(void *run, const struct manifest_instance *what)
{
	struct run *r = run;

	if (!journal_claim(&r->results.journal, what->id))
		return SWEEP_LATER;
	journal_refresh(&r->results.journal);
	if (!reuse(r, what))
		return SWEEP_RUN;
	journal_release(&r->results.journal, what->id);
	r->news.progress.total--;
	return SWEEP_DONE;
}

/* One for each processor that the unit asks for; memory is looked at when they start. */
static size_t choose_jobs(const struct run *r)
{
	size_t jobs = host_count_processors() / r->manifest.cpus;

	if (r->options->jobs)
		return r->options->jobs;
	return jobs ? jobs : 1;
}

/* From here on signals come by the loop. A hangup that our parent had us ignore, as nohup
 * does, stays ignored: blocked, it would come nevertheless. */
static int catch_signals(struct run *r, struct diag *d)
{
	struct sigaction hangup;
	sigset_t caught;

	sigemptyset(&caught);
	sigaddset(&caught, SIGINT);
	sigaddset(&caught, SIGTERM);
	sigaddset(&caught, SIGQUIT);
	if (sigaction(SIGHUP, NULL, &hangup) < 0 || hangup.sa_handler != SIG_IGN)
		sigaddset(&caught, SIGHUP);
	sigprocmask(SIG_BLOCK, &caught, NULL);
	r->signals = signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK);
	return r->signals < 0 ? diag_fail_errno(d, "signals") : 0;
}

static int read_signal(const struct run *r)
{
	struct signalfd_siginfo info;

	if (read(r->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return 0;
	return (int)info.ssi_signo;
}

static int choose_accelerator(struct run *r, struct diag *d)
{
	struct qemu_machine m = QEMU_MACHINE_NONE;
	int probed = 0;

	m.cpus = r->manifest.cpus;
	m.memory_bytes = r->manifest.memory_bytes;
	m.append = r->manifest.append;
	m.kernel = r->context.kernel;
	m.initrd = r->context.initrd;
	if (accel_choose(r->options->wish, &r->program, &m, r->signals, &r->accelerator,
		    &probed, d) < 0)
		return -1;
	if (probed)
		news_probe(&r->news, r->accelerator);
	r->context.may_fall_back = r->options->wish == ACCEL_AUTO;
	return 0;
}

static int prepare(struct run *r, struct diag *d)
{
	const struct options *o = r->options;

	if (open_unit(r, d) < 0 || select_instances(r, d) < 0)
		return -1;
	r->results_path =
		o->output ? memory_strdup(o->output) : manifest_get_results(&r->manifest);
	if (results_open_to_run(r->results_path, o->scratch, &r->results, d) < 0)
		return -1;
	if (results_leave_manifest(&r->results, r->context.unit, d) < 0)
		return -1;
	uname(&r->host);
	r->context.manifest = &r->manifest;
	r->context.results = &r->results;
	r->context.program = &r->program;
	r->context.keep = o->keep;
	r->context.boot_ms = o->boot_ms;
	r->context.host = r->host.nodename;
	r->context.time_ms = o->timeout ? o->timeout_ms : r->manifest.time_ms;
	return 0;
}

/* The one instance's output goes where ours would. */
static void set_relays(struct run *r)
{
	if (r->news.total != 1 || r->options->json)
		return;
	r->out.fd = STDOUT_FILENO;
	r->err.fd = STDERR_FILENO;
	r->context.out = &r->out;
	r->context.err = &r->err;
}

/* What was asked for, or might be expected, and is not so. */
static void say_limits(struct run *r)
{
	const struct manifest *m = &r->manifest;

	if (m->disk.file && r->options->warm == WARM_ON)
		news_say(&r->news,
			"instances start cold: a machine that boots a disk of its own is "
			"not saved");
	if (m->layout == LAYOUT_SINGLE && !r->context.time_ms && !r->context.boot_ms &&
		!r->options->quiet)
		news_say(&r->news,
			"this unit has no time limit, and its guests need not speak: one "
			"that hangs is never ended, unless --timeout or --boot-timeout "
			"says when");
}

/* Returns the signal that stopped it, 0, or -1. */
static int run_list(struct run *r, struct diag *d)
{
	const struct sweep_listener listener = {
		ask, hear_ended, hear_fell_back, hear_warm, hear_turn, r};
	struct sweep_plan plan = {.list = r->list,
		.count = r->count,
		.slots = choose_jobs(r),
		.retries = (unsigned)r->options->retries,
		.warm = &r->warm};
	int signal;

	if (catch_signals(r, d) < 0 || qemu_find(&r->program, d) < 0)
		return -1;
	if (choose_accelerator(r, d) < 0) {
		signal = read_signal(r);
		return signal ? signal : -1;
	}
	plan.accelerator = r->accelerator;
	if (plan.slots > plan.count)
		plan.slots = plan.count;
	r->context.keep_guests = !r->options->reboot && r->count > plan.slots &&
				 manifest_is_served(&r->manifest);
	warm_init(&r->warm, r->manifest.disk.file ? WARM_OFF : r->options->warm);
	news_begin(&r->news, plan.count, plan.slots);
	say_limits(r);
	signal = sweep_run(&r->context, &plan, r->signals, &listener);
	if (!signal) {
		relay_flush(&r->out, r->signals);
		relay_flush(&r->err, r->signals);
	}
	return signal;
}

static int run_unit(const struct options *o, const struct stdio *stdio, struct diag *d)
{
	struct run r = {.options = o,
		.results = RESULTS_NONE,
		.signals = -1,
		.warm = WARM_NONE,
		.out = {.fd = -1},
		.err = {.fd = -1},
		.context = {.unit = -1}};
	int signal = 0, status = EXIT_HOST_FAILED;

	parts_init(&r.context);
	if (prepare(&r, d) == 0) {
		news_init(&r.news, stdio, r.results_path, &r.manifest, r.count,
			o->json	     ? NEWS_JSON
			: o->quiet   ? NEWS_QUIET
			: o->verbose ? NEWS_VERBOSE
				     : NEWS_NORMAL);
		drop_finished(&r);
		set_relays(&r);
		if (r.count > 0)
			signal = run_list(&r, d);
		if (signal >= 0)
			status = news_conclude(&r.news, signal);
	}
	clear_run(&r);
	return status;
}

static int parse_keep(const char *text, enum keep *keep)
{
	static const char *const words[] = {
		[KEEP_NONE] = "none", [KEEP_FAILED] = "failed", [KEEP_ALL] = "all"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(text, words[i]) == 0) {
			*keep = (enum keep)i;
			return 0;
		}
	return -1;
}

static int parse_number(
	const char *text, unsigned long least, unsigned long most, size_t *number)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || value < least || value > most)
		return -1;
	*number = value;
	return 0;
}

enum {
	OPTION_ACCEL = 256,
	OPTION_WARM,
	OPTION_TIMEOUT,
	OPTION_BOOT_TIMEOUT,
	OPTION_KEEP,
	OPTION_REBOOT,
	OPTION_RERUN,
	OPTION_RETRIES,
	OPTION_SCRATCH,
	OPTION_VERIFY,
	OPTION_JSON
};

static const struct option long_options[] = {
	{"output", required_argument, NULL, 'o'},
	{"jobs", required_argument, NULL, 'j'},
	{"accel", required_argument, NULL, OPTION_ACCEL},
	{"warm", required_argument, NULL, OPTION_WARM},
	{"timeout", required_argument, NULL, OPTION_TIMEOUT},
	{"boot-timeout", required_argument, NULL, OPTION_BOOT_TIMEOUT},
	{"keep", required_argument, NULL, OPTION_KEEP},
	{"reboot", no_argument, NULL, OPTION_REBOOT},
	{"rerun-failed", no_argument, NULL, OPTION_RERUN},
	{"retries", required_argument, NULL, OPTION_RETRIES},
	{"scratch", required_argument, NULL, OPTION_SCRATCH},
	{"verify", no_argument, NULL, OPTION_VERIFY},
	{"json", no_argument, NULL, OPTION_JSON},
	{"quiet", no_argument, NULL, 'q'},
	{"verbose", no_argument, NULL, 'v'},
	{"help", no_argument, NULL, 'h'},
	{0},
};

/* Returns 0, or -1 where the value is not one of the option's. */
static int take_option(struct options *o, int c, const char *value, struct diag *d)
{
	switch (c) {
	case 'o':
		o->output = value;
		return *value ? 0 : diag_fail(d, "run: -o: expected a folder");
	case 'j':
		return parse_number(value, 1, 4096, &o->jobs) == 0
			       ? 0
			       : diag_fail(d,
					 "run: -j: expected a number from 1 to 4096, "
					 "found \"%s\"",
					 value);
	case OPTION_ACCEL:
		return accel_parse_wish(value, &o->wish) == 0
			       ? 0
			       : diag_fail(d,
					 "run: --accel: expected auto, kvm or tcg, "
					 "found \"%s\"",
					 value);
	case OPTION_WARM:
		return warm_parse_wish(value, &o->warm) == 0
			       ? 0
			       : diag_fail(d,
					 "run: --warm: expected auto, on or off, "
					 "found \"%s\"",
					 value);
	case OPTION_TIMEOUT:
		o->timeout = value;
		return quantity_parse_time(value, &o->timeout_ms) == 0
			       ? 0
			       : diag_fail(d,
					 "run: --timeout: expected a time as in "
					 "\"90\" or \"10m\", found \"%s\"",
					 value);
	case OPTION_BOOT_TIMEOUT:
		return quantity_parse_time(value, &o->boot_ms) == 0 && o->boot_ms > 0
			       ? 0
			       : diag_fail(d,
					 "run: --boot-timeout: expected a time as in "
					 "\"30\" or \"5m\", found \"%s\"",
					 value);
	case OPTION_RETRIES:
		return parse_number(value, 0, 100, &o->retries) == 0
			       ? 0
			       : diag_fail(d,
					 "run: --retries: expected a number from 0 to "
					 "100, found \"%s\"",
					 value);
	case OPTION_SCRATCH:
		o->scratch = value;
		return *value ? 0 : diag_fail(d, "run: --scratch: expected a folder");
	case OPTION_KEEP:
		return parse_keep(value, &o->keep) == 0
			       ? 0
			       : diag_fail(d,
					 "run: --keep: expected failed, all or "
					 "none, found \"%s\"",
					 value);
	default:
		return -1;
	}
}

/* Returns an exit status, or -1 to go on. */
static int parse_options(int argc, char **argv, struct options *o,
	const struct stdio *stdio, struct diag *d)
{
	int c;

	while ((c = getopt_long(argc, argv, "o:j:qvh", long_options, NULL)) != -1) {
		if (c == 'h')
			return fputs(help, stdio->out), 0;
		if (c == '?')
			return command_refuse_option(&cmd_run, argv, d);
		o->reboot |= c == OPTION_REBOOT;
		o->rerun_failed |= c == OPTION_RERUN;
		o->verify |= c == OPTION_VERIFY;
		o->json |= c == OPTION_JSON;
		o->quiet |= c == 'q';
		o->verbose |= c == 'v';
		if (optarg && take_option(o, c, optarg, d) < 0)
			return EXIT_USAGE;
	}
	if (optind == argc) {
		diag_fail(d, "run: expected a unit: wurun run UNIT [ID…]");
		return EXIT_USAGE;
	}
	o->unit = argv[optind];
	o->ids = argv + optind + 1;
	o->id_count = (size_t)(argc - optind - 1);
	return -1;
}

static int run(int argc, char **argv, const struct stdio *stdio, struct diag *d)
{
	struct options o = {.wish = ACCEL_AUTO, .keep = KEEP_NONE};
	int status = parse_options(argc, argv, &o, stdio, d);

	return status >= 0 ? status : run_unit(&o, stdio, d);
}

const struct command cmd_run = {
	.name = "run",
	.summary = "run the instances of a unit",
	.help = help,
	.run = run,
};
