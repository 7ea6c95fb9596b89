/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wuguest: the agent in the guest. docs/guest.md is its contract.
 *
 *     system, modules -> port -> root, network, disks -> scripts -> record -> unmount,
 * reboot
 *                     `-> root, network -> the root's init -> the agent anew, as a daemon
 *     --serve: port -> wait -> disks -> scripts -> record -> unmount -> wait, or reboot
 *
 * Invariants: there is no heap; PID 1 never returns from main(); whatever goes wrong, the
 * guest reboots, and where the output disk can be written it holds a record that says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "clock.h"
#include "entropy.h"
#include "folder.h"
#include "init.h"
#include "instance.h"
#include "power.h"
#include "processes.h"
#include "root.h"
#include "runtime/unit.h"
#include "say.h"
#include "serve.h"
#include "system.h"
#include "watch.h"

#define USAGE_STATUS 2

static int print(int fd, const char *text, int status)
{
	return write(fd, text, strlen(text)) < 0 ? USAGE_STATUS : status;
}

struct options {
	int serves;
	const char *dropped; /* the folder that is polled */
	struct user user;    /* whom what it holds runs as */
};

static int read_serve_options(char **argv, struct options *o)
{
	o->serves = 1;
	for (argv += 2; argv[0] && argv[1]; argv += 2) {
		if (!strcmp(argv[0], "--scripts") && argv[1][0] == '/')
			o->dropped = argv[1];
		else if (!strcmp(argv[0], "--user") && !strcmp(argv[1], WU_USER_ROOT))
			o->user = (struct user){0};
		else if (strcmp(argv[0], "--user") || strcmp(argv[1], WU_USER_USER))
			return -1;
	}
	return *argv ? -1 : 0;
}

/* Returns the status to exit with, or -1 to go on: a daemon ends by a reboot, so it must
 * have been asked for. */
static int read_options(int argc, char **argv, struct options *o)
{
	static const char usage[] =
		"usage: wuguest --daemon | --help | --version\n"
		"       wuguest --serve [--scripts DIR] [--user root|user]\n"
		"Runs a work unit's scripts in a guest, records the result, reboots.\n"
		"Without --daemon it does so only as the guest's first process. With\n"
		"--serve it waits for a unit, or for many, and launches each executable\n"
		"that appears in DIR (an absolute path; " WU_DROPPED_FOLDER ").\n";

	if (argc == 2 && !strcmp(argv[1], "--version"))
		return print(STDOUT_FILENO, "wuguest " WU_VERSION "\n", 0);
	if (argc == 2 && !strcmp(argv[1], "--help"))
		return print(STDOUT_FILENO, usage, 0);
	if (argc == 2 && !strcmp(argv[1], "--daemon"))
		return -1;
	if (argc >= 2 && !strcmp(argv[1], "--serve") && !read_serve_options(argv, o))
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

/* Returns only where the root's own init could not be started; the reason says why. */
static void hand_over(struct agent *a)
{
	struct text *reason = &a->record.reason;

	instance_wait_for_disks(a);
	if (instance_attach_root(a) < 0 ||
		init_prepare(a->base.init, a->initrd, reason) < 0)
		return;
	root_forget_initrd(a->initrd);
	init_become(a->base.init, reason);
}

static void read_base(struct agent *a)
{
	const char *path = a->is_first ? "/" WU_GUEST_BASE : INIT_BASE_LINES;

	/* A guest that others have made has no base of ours. */
	if (a->serves) {
		base_init(&a->base);
		return;
	}
	if (base_read(&a->base, path, &a->record.reason) < 0)
		say(a->record.reason.bytes, NULL, NULL);
	if (!a->is_first && a->base.init)
		system_open_console();
}

int main(int argc, char **argv)
{
	struct options o = {.dropped = WU_DROPPED_FOLDER,
		.user = {.id = WU_USER_ID, .group = WU_GROUP_ID}};
	int status = getpid() == 1 ? -1 : read_options(argc, argv, &o);
	int arguments_are_good;
	struct agent a;

	if (status >= 0)
		return status;
	a.is_first = getpid() == 1;
	a.serves = o.serves;
	if (a.is_first)
		system_prepare();
	system_open_standard_files();
	arguments_are_good = read_arguments(&a.arguments) == 0;
	if (a.arguments.probe) {
		say(WU_PROBE_ANSWER + strlen("wuguest: "), NULL, NULL);
		power_reboot();
	}
	a.drivers.count = 0;
	port_init(&a.port);
	instance_init(&a);
	if (a.is_first)
		prepare_devices(&a);
	read_base(&a);
	clock_set();
	entropy_add();
	if (a.is_first && a.base.init && !*a.record.reason.bytes)
		hand_over(&a);
	watch_hold_signals();
	processes_adopt();
	instance_greet(&a);
	if (a.serves)
		return serve(&a, arguments_are_good, o.dropped, &o.user);
	instance_run(&a, arguments_are_good);
	instance_leave(&a);
	if (a.arguments.off)
		power_off();
	power_reboot();
}
