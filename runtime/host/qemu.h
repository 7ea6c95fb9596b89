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

/* Descriptors of disks: -1 where the machine has none. They stay the caller's. */
struct qemu_machine {
	enum accelerator accelerator;
	unsigned cpus;
	uint64_t memory_bytes;
	const char *append;
	int network; /* user networking */
	int port;    /* the agent's port */
	int kernel, initrd;
	int app, params, output, root;
};

struct qemu {
	pid_t pid;
	int pidfd;   /* readable once QEMU has ended */
	int console; /* the serial port, to read */
	int port;    /* the agent's port, or -1 */
	int errors;  /* QEMU's own messages, to read */
};

#define QEMU_NONE ((struct qemu){0, -1, -1, -1, -1})

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
