/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "instance.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "events.h"
#include "mounts.h"
#include "network.h"
#include "resume.h"
#include "root.h"
#include "runtime/unit.h"
#include "say.h"
#include "system.h"

#define DISKS_WAIT_MS 10000
#define CHANGED_WAIT_MS 30000 /* in a system of its own, which may be slow */
#define LONGEST_PAUSE_MS 64
#define SHELL_WAIT_MS 5000

void instance_init(struct agent *a)
{
	a->disks = (struct disks){0};
	output_init(&a->output);
	record_init(&a->record);
	scripts_init(&a->scripts);
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
	uint64_t end = clock_now_ms() + (a->serves ? CHANGED_WAIT_MS : DISKS_WAIT_MS);
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

	if (a->arguments.warm && !a->serves)
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

void instance_wait_for_disks(struct agent *a)
{
	wait_for_disks(a, wanted_disks(a));
}

int instance_attach_root(struct agent *a)
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
		instance_attach_root(a);
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

void instance_greet(struct agent *a)
{
	tell(&a->port, "hello 1 wuguest-", WU_VERSION);
}

/* A shell that does nothing brings what every script needs of the root disk into the
 * memory that is saved. A root without one has nothing to bring. */
static void run_shell_once(void)
{
	static char shell[] = "/bin/sh", option[] = "-c",
		    nothing[] = ":", *const argv[] = {shell, option, nothing, NULL},
		    *const environment[] = {NULL};
	static const struct user nobody = {.id = WU_USER_ID, .group = WU_GROUP_ID};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), error;
	const struct launch l = {shell, argv, environment, "/", &nobody, null, null};
	uint64_t end = clock_now_ms() + SHELL_WAIT_MS;
	pid_t pid = null < 0 ? -1 : launch_script(&l, &error);

	while (pid > 0 && waitpid(pid, NULL, WNOHANG) == 0) {
		if (clock_now_ms() >= end)
			kill(pid, SIGKILL);
		poll(NULL, 0, 1);
	}
	if (null >= 0)
		close(null);
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
	if (a->base.has_root)
		run_shell_once();
	tell(&a->port, "ready", "");
	if (resume_wait(&a->port, &a->arguments) < 0)
		*arguments_are_good = 0;
	instance_greet(a);
	wait_for_disks(a, DISKS_UNIT);
	return 0;
}

static int attach_all(struct agent *a, int *arguments_are_good)
{
	int attached;

	if (a->arguments.warm && !a->serves) {
		attached = attach_and_wait(a, arguments_are_good);
	} else {
		/* One that serves has said so before it was told to go on. */
		if (!a->serves)
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

void instance_run(struct agent *a, int arguments_are_good)
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

/* What a guest that reboots next has mounted read only has nothing to lose, and
 * unmounting takes its time. */
static int detach(struct agent *a)
{
	if (!a->arguments.next) {
		mounts_detach();
		return 0;
	}
	if (mounts_detach_all() < 0)
		return -1;
	disks_unlock(&a->disks);
	return 0;
}

int instance_leave(struct agent *a)
{
	int recorded = 0, detached;

	scripts_finish(&a->scripts);
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
	detached = detach(a);
	if (!a->arguments.next)
		port_finish(&a->port);
	return recorded && detached == 0 ? 0 : -1;
}
