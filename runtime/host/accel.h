/* SPDX-License-Identifier: GPL-2.0-or-later */
/* accel: which accelerator a guest really boots with on this host. /dev/kvm that opens
 * proves nothing, so a guest is booted, and what came of it is remembered for this host,
 * kernel and QEMU, in a file that run.sh reads and writes too:
 *
 *     $XDG_CACHE_HOME/workunit/accel-NODENAME-RELEASE: "kvm|tcg QEMU emulator version …"
 */
#ifndef HOST_ACCEL_H
#define HOST_ACCEL_H

#include "common/diag.h"
#include "qemu.h"

#define ACCEL_PROBE_MS 10000

enum accel_wish { ACCEL_AUTO, ACCEL_KVM, ACCEL_TCG };

/* "auto", "kvm" or "tcg"; -1 for anything else. */
int accel_parse_wish(const char *text, enum accel_wish *wish);

/* 1 where /dev/kvm opens for reading and writing. */
int accel_has_kvm(void);

/* Boots m without disks and with the probe's argument; without a kernel the firmware must
 * do, which says when it has found nothing to boot. Returns 1 where the guest answered, 0
 * where not, -1 where stop (a descriptor, or -1) became readable or QEMU could not be
 * started. */
int accel_probe(const struct qemu_program *p, const struct qemu_machine *m,
	uint64_t limit_ms, int stop, struct diag *d);

/* Decides, by what is remembered or by a probe of m's kernel and initrd. Returns 0, or -1
 * as accel_probe() does. *probed tells whether it had to look. */
int accel_choose(enum accel_wish wish, const struct qemu_program *p,
	const struct qemu_machine *m, int stop, enum accelerator *chosen, int *probed,
	struct diag *d);

/* Remembers; a cache that cannot be written is no error. */
void accel_remember(const struct qemu_program *p, enum accelerator a);

#endif
