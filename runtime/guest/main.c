/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wuguest: the agent in the guest. docs/guest.md is its contract.
 *
 *     system, modules -> port -> root, network, disks -> scripts -> record -> unmount,
 * reboot
 *                     `-> root, network -> the root's init -> the agent anew, as a daemon
 *
 * Invariants: there is no heap; PID 1 never returns from main(); whatever goes wrong, the
 * guest reboots, and where the output disk can be written it holds a record that says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "base.h"
#include "clock.h"
#include "disks.h"
#include "drivers.h"
#include "entropy.h"
#include "events.h"
#include "folder.h"
#include "init.h"
#include "mounts.h"
#include "network.h"
#include "output.h"
#include "parameters.h"
#include "port.h"
#include "power.h"
#include "processes.h"
#include "record.h"
#include "resume.h"
#include "root.h"
#include "runtime/unit.h"
#include "say.h"
#include "scripts.h"
#include "system.h"
#include "watch.h"

#define DISKS_WAIT_MS 10000
#define LONGEST_PAUSE_MS 64
#define USAGE_STATUS 2

struct agent {
	int is_first; /* as PID 1: the machine is ours to prepare */
	int initrd;   /* its folder, from before the root changed; or -1 */
	struct arguments arguments;
	struct base base;
	struct drivers drivers;
	struct disks disks;
	struct output output;
	struct port port;
	struct record record;
	struct parameters parameters;
	struct scripts scripts;
};

static int print(int fd, const char *text, int status)
{
	return write(fd, text, strlen(text)) < 0 ? USAGE_STATUS : status;
}

/* Returns the status to exit with, or -1 to go on: a daemon ends by a reboot, so it must
 * have been asked for. */
static int read_options(int argc, char **argv)
{
	static const char usage[] =
		"usage: wuguest --daemon | --help | --version\n"
		"Runs a work unit's scripts in a guest, records the result, reboots.\n"
		"Without --daemon it does so only as the guest's first process.\n";

	if (argc == 2 && !strcmp(argv[1], "--version"))
		return print(STDOUT_FILENO, "wuguest " WU_VERSION "\n", 0);
	if (argc == 2 && !strcmp(argv[1], "--help"))
		return print(STDOUT_FILENO, usage, 0);
	if (argc == 2 && !strcmp(argv[1], "--daemon"))
		return -1;
	return print(STDERR_FILENO, usage, USAGE_STATUS);
}

static int read_arguments(struct arguments *a)
{
	char line[8192];

	*a = (struct arguments){0};
	if (folder_read_file(AT_FDCWD, "/proc/cmdline", line, sizeof(line)) < 0)
		return -1;
	return arguments_parse(a, line);
}

/* What a guest with an init of its own sees to itself. */
static void prepare_devices(struct agent *a)
{
	a->initrd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	system_load_modules(a->initrd);
	drivers_read(&a->drivers, a->initrd);
	drivers_load(&a->drivers);
}

static void tell(struct port *p, const char *word, const char *rest)
{
	char bytes[PORT_LINE];
	struct text t = port_message(bytes, word);

	text_add(&t, rest);
	port_send(p, &t);
}

/* Disks may turn up late: drivers probe asynchronously, and the devices that one driver
 * finds may ask for another. Events make it quick, the pauses make it sure. */
static void wait_for_disks(struct agent *a, unsigned wanted)
{
	uint64_t end = clock_now_ms() + DISKS_WAIT_MS;
	int events;

	if (!disks_find(&a->disks, wanted))
		return;
	events = events_open();
	for (unsigned pause_ms = 1;; pause_ms *= pause_ms < LONGEST_PAUSE_MS ? 2 : 1) {
		drivers_load(&a->drivers);
		if (!disks_find(&a->disks, wanted) || clock_now_ms() >= end)
			break;
		port_open(&a->port);
		events_wait(events, pause_ms);
	}
	if (events >= 0)
		close(events);
}

/* The disks that it takes to go on until the guest is saved, or to the end. */
static unsigned wanted_disks(const struct agent *a)
{
	unsigned wanted = DISKS_UNIT;

	if (a->arguments.warm)
		wanted &= ~DISK_BIT(DISK_PARAMETERS);
	return a->is_first && a->base.has_root ? wanted | DISK_BIT(DISK_ROOT) : wanted;
}

static int attach(struct agent *a, enum disk_kind kind)
{
	struct text *reason = &a->record.reason;

	if (*a->disks.path[kind] && kind == DISK_ROOT)
		return root_enter(a->disks.path[kind], reason);
	if (*a->disks.path[kind])
		return mounts_attach(&a->disks, kind, reason);
	text_add(reason, "no disk has the label ");
	text_add(reason, disks_label(kind));
	return -1;
}

/* Nothing where the base, or an earlier step, has gone wrong. */
static int attach_root(struct agent *a)
{
	if (*a->record.reason.bytes)
		return -1;
	if (a->base.has_root && attach(a, DISK_ROOT) < 0)
		return -1;
	network_configure();
	return 0;
}

/* What all instances of the unit have in common. What is wrong with the base is recorded
 * on the output disk, too, and so that comes before the app disk. */
static int attach_unit(struct agent *a)
{
	struct text *reason = &a->record.reason;
	size_t said;

	if (a->is_first)
		attach_root(a);
	said = reason->size;
	if (said)
		text_add(reason, "; ");
	if (attach(a, DISK_OUTPUT) < 0 ||
		output_open(&a->output, MOUNT_OUTPUT, reason) < 0)
		return -1;
	if (said)
		text_cut_back(reason, said);
	if (said || attach(a, DISK_APP) < 0)
		return -1;
	if (scripts_prepare(&a->scripts, &a->output, &a->port) == 0)
		return 0;
	text_add(&a->record.reason, strerror(errno));
	return -1;
}

static int attach_instance(struct agent *a)
{
	if (attach(a, DISK_PARAMETERS) < 0)
		return -1;
	if (a->is_first && a->base.has_root)
		root_forget_initrd(a->initrd);
	/* As containers have it: a folder that the image names need not be in it. */
	if (system_make_path(a->base.folder) < 0)
		return mounts_fail(&a->record.reason, a->base.folder, "cannot make it");
	return parameters_read(
		&a->parameters, a->base.environment, MOUNT_PARAMETERS, &a->record.reason);
}

static void greet(struct port *p)
{
	tell(p, "hello 1 wuguest-", WU_VERSION);
}

/* Everything that needs no disk of the instance's own is done, and written, before the
 * guest is saved: what goes on from here goes on many times. Returns as attach_unit(). */
static int attach_and_wait(struct agent *a, int *arguments_are_good)
{
	wait_for_disks(a, wanted_disks(a));
	if (attach_unit(a) < 0)
		return -1;
	if (output_sync(&a->output) < 0 || resume_prepare(&a->port) < 0) {
		text_add(&a->record.reason, "cannot be saved: no port, or no disk");
		return -1;
	}
	tell(&a->port, "ready", "");
	if (resume_wait(&a->port, &a->arguments) < 0)
		*arguments_are_good = 0;
	greet(&a->port);
	wait_for_disks(a, DISKS_UNIT);
	return 0;
}

static int attach_all(struct agent *a, int *arguments_are_good)
{
	int attached;

	if (a->arguments.warm) {
		attached = attach_and_wait(a, arguments_are_good);
	} else {
		tell(&a->port, "ready", "");
		wait_for_disks(a, wanted_disks(a));
		attached = attach_unit(a);
	}
	return attached < 0 ? -1 : attach_instance(a);
}

/* Whom scripts run as is the unit's to say, and else the base's. */
static void run_scripts(struct agent *a)
{
	static const struct user root,
		user = {.id = WU_USER_ID, .group = WU_GROUP_ID},
		*const users[] = {[AS_USER] = &user, [AS_ROOT] = &root};
	struct manner m = {
		.time_ms = a->arguments.time_ms,
		.user = a->arguments.user == AS_BASE ? &a->base.user
						     : users[a->arguments.user],
		.folder = a->base.folder,
		.environment = a->parameters.environment,
	};

	scripts_run(&a->scripts, &m, &a->record);
}

static void run_unit(struct agent *a, int arguments_are_good)
{
	if (attach_all(a, &arguments_are_good) < 0) {
		record_fail(&a->record, WU_CLASS_HOST_ERROR, NULL);
	} else if (!arguments_are_good) {
		record_fail(&a->record, WU_CLASS_HOST_ERROR, NULL);
		text_add(&a->record.reason,
			"the kernel's command line: a bad wu. argument");
	} else {
		run_scripts(a);
	}
}

/* What goes on the console and the port where the disk cannot take it. */
static void lament(struct agent *a, const char *why)
{
	char bytes[640];
	struct text t = TEXT_IN(bytes);

	text_add(&t, "no record: ");
	text_add(&t, why);
	if (*a->record.reason.bytes) {
		text_add(&t, ": ");
		text_add(&t, a->record.reason.bytes);
	}
	say(bytes, NULL, NULL);
	tell(&a->port, "error ", bytes);
}

static int stage_record(struct agent *a)
{
	char bytes[OUTPUT_RECORD_BYTES];
	struct text json = TEXT_IN(bytes);

	record_format(&a->record, &json);
	return output_stage_record(&a->output, json.bytes, json.size);
}

/* One sync serves the record and all that the scripts wrote; where that went wrong, the
 * record has to say so. The second has only its name to write. Returns 0, or -1 with
 * errno. */
static int write_record(struct agent *a)
{
	if (stage_record(a) < 0)
		return -1;
	if (output_sync(&a->output) < 0) {
		record_fail(&a->record, WU_CLASS_HOST_ERROR, NULL);
		text_add(&a->record.reason, "the output disk lost data");
		if (stage_record(a) < 0 || output_sync(&a->output) < 0)
			return -1;
	}
	if (output_commit_record(&a->output) < 0)
		return -1;
	return output_sync(&a->output);
}

static void leave_record(struct agent *a)
{
	int recorded = 0;

	if (a->output.root < 0)
		lament(a, "no output disk");
	else if (write_record(a) < 0)
		lament(a, strerror(errno));
	else
		recorded = 1;
	/* A host that keeps nothing of the disk but its files ends the guest here. */
	if (recorded)
		tell(&a->port, "done ", a->record.class);
	output_close(&a->output);
	mounts_detach();
	port_finish(&a->port);
}

/* Returns only where the root's own init could not be started; the reason says why. */
static void hand_over(struct agent *a)
{
	struct text *reason = &a->record.reason;

	wait_for_disks(a, wanted_disks(a));
	if (attach_root(a) < 0 || init_prepare(a->base.init, a->initrd, reason) < 0)
		return;
	root_forget_initrd(a->initrd);
	init_become(a->base.init, reason);
}

static void read_base(struct agent *a)
{
	const char *path = a->is_first ? "/" WU_GUEST_BASE : INIT_BASE_LINES;

	if (base_read(&a->base, path, &a->record.reason) < 0)
		say(a->record.reason.bytes, NULL, NULL);
	if (!a->is_first && a->base.init)
		system_open_console();
}

int main(int argc, char **argv)
{
	int status = getpid() == 1 ? -1 : read_options(argc, argv);
	int arguments_are_good;
	struct agent a;

	if (status >= 0)
		return status;
	a.is_first = getpid() == 1;
	if (a.is_first)
		system_prepare();
	system_open_standard_files();
	arguments_are_good = read_arguments(&a.arguments) == 0;
	if (a.arguments.probe) {
		say(WU_PROBE_ANSWER + strlen("wuguest: "), NULL, NULL);
		power_reboot();
	}
	a.drivers.count = 0;
	a.disks = (struct disks){0};
	port_init(&a.port);
	output_init(&a.output);
	record_init(&a.record);
	if (a.is_first)
		prepare_devices(&a);
	read_base(&a);
	clock_set();
	entropy_add();
	if (a.is_first && a.base.init && !*a.record.reason.bytes)
		hand_over(&a);
	watch_hold_signals();
	processes_adopt();
	greet(&a.port);
	run_unit(&a, arguments_are_good);
	leave_record(&a);
	power_reboot();
}
