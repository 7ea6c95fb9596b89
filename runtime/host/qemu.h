/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qemu: the virtual machine's command line and process. It gets its disks, console and
 * port as descriptors; it dies with us (parent-death signal), whatever ends us. */
#ifndef HOST_QEMU_H
#define HOST_QEMU_H

#include <stdint.h>
#include <sys/types.h>

#include "common/diag.h"

#define QEMU_PROGRAM "qemu-system-x86_64"

enum accelerator { ACCELERATOR_TCG, ACCELERATOR_KVM };

/* The program, as found on this host. */
struct qemu_program {
	char *path;
	char *version; /* the first line of --version */
	char *number;  /* "7.2.22" */
	int sandbox;   /* it was built with seccomp */
	char *bios; /* of qboot, which starts Linux at once; NULL: none beside this QEMU
		     */
};

/* Looks for $WURUN_QEMU, or QEMU_PROGRAM in PATH, and asks it. Returns 0 or -1. */
int qemu_find(struct qemu_program *p, struct diag *d);
void qemu_forget(struct qemu_program *p);

enum qemu_start {
	QEMU_COLD,    /* the kernel boots */
	QEMU_SAVED,   /* the same, but what the guest writes stays in `memory` */
	QEMU_RESTORED /* it waits for a state to be loaded, and never writes `memory` */
};

/* Descriptors of disks: -1 where the machine has none. They stay the caller's. */
struct qemu_machine {
	enum qemu_start start;
	enum accelerator accelerator;
	unsigned cpus;
	uint64_t memory_bytes;
	const char *append;
	int network;	    /* user networking */
	int port;	    /* the agent's ports */
	int control;	    /* a listening socket for the second one; -1: not connected */
	int monitor;	    /* it has one also where it is cold */
	int kernel, initrd; /* -1: its firmware boots `disk` */
	int disk, seed, floppy;
	const char *disk_format; /* as QEMU calls it */
	int scratch; /* a folder: what is written to `disk` goes into a file there that
			has no name; -1: into `disk` itself */
	/* a saved machine without params has a drive there that is empty */
	int app, params, output, root;
	int memory; /* unless cold: a file of as many bytes */
	int state;  /* restored: what QEMU reads by this very number */
};

#define QEMU_MACHINE_NONE                                                                \
	((struct qemu_machine){.control = -1,                                            \
		.kernel = -1,                                                            \
		.initrd = -1,                                                            \
		.disk = -1,                                                              \
		.seed = -1,                                                              \
		.floppy = -1,                                                            \
		.scratch = -1,                                                           \
		.app = -1,                                                               \
		.params = -1,                                                            \
		.output = -1,                                                            \
		.root = -1,                                                              \
		.memory = -1,                                                            \
		.state = -1})

/* What a machine that its firmware boots calls its drives, for its monitor. */
#define QEMU_CD "cd" /* the device; its first medium is QEMU_PARAMS */
#define QEMU_PARAMS "params"
#define QEMU_OUTPUT "output" /* the device and what is in it */
#define QEMU_OUTPUT_BUS "scsi.0"
#define QEMU_OUTPUT_UNIT 1

struct qemu {
	pid_t pid;
	int pidfd;   /* readable once QEMU has ended */
	int console; /* the serial port, to read */
	int port;    /* the agent's port, or -1 */
	int errors;  /* QEMU's own messages, to read */
	int monitor; /* QMP, or -1 */
};

#define QEMU_NONE ((struct qemu){0, -1, -1, -1, -1, -1})

/* The bytes that a machine with so much memory has: whole MiB. */
uint64_t qemu_round_memory(uint64_t bytes);

const char *qemu_accelerator_name(enum accelerator a);

/* Starts the machine; its descriptors in q do not block. Returns 0 or -1. */
int qemu_start(const struct qemu_program *p, const struct qemu_machine *m, struct qemu *q,
	struct diag *d);
/* Kills QEMU at once, where it runs. */
void qemu_kill(const struct qemu *q);
/* Takes the status of a QEMU whose pidfd is readable, or waits for it. */
int qemu_reap(struct qemu *q);
/* Closes what q still holds. */
void qemu_close(struct qemu *q);

#endif
