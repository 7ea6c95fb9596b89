/* SPDX-License-Identifier: GPL-2.0-or-later */
/* disks: which block device carries which of the guest's disks, by its label. */
#ifndef GUEST_DISKS_H
#define GUEST_DISKS_H

#define DISK_LABEL 33 /* a label with its NUL: 16 bytes on ext4, 32 on a CD */
#define DISK_PATH 288

enum disk_kind { DISK_APP, DISK_PARAMETERS, DISK_OUTPUT, DISK_ROOT, DISK_COUNT };

struct disks {
	char path[DISK_COUNT][DISK_PATH]; /* of the device; "" where not found */
};

enum disk_format { DISK_UNKNOWN, DISK_EXT4, DISK_ISO };

/* The format and the label of what an open device or image holds. */
enum disk_format disks_read_label(int fd, char label[DISK_LABEL]);

/* Sets of disks: one bit each. */
#define DISK_BIT(kind) (1u << (kind))
#define DISKS_UNIT                                                                       \
	(DISK_BIT(DISK_APP) | DISK_BIT(DISK_PARAMETERS) | DISK_BIT(DISK_OUTPUT))

/* Looks for those of the wanted disks that are not found yet on every block device. Of
 * two with the same label the first name counts. Returns how many are still missing. */
int disks_find(struct disks *d, unsigned wanted);

/* Lets the host change the CD: systems lock its drive while they know of one in it. */
void disks_unlock(const struct disks *d);

/* The label that a disk has to carry. */
const char *disks_label(enum disk_kind kind);

#endif
