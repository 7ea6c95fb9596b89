/* SPDX-License-Identifier: GPL-2.0-or-later */
/* manifest: a unit's unit.json, read strictly (docs/unit-format.md). It comes from
 * anyone: nothing in it is believed before it was checked. */
#ifndef HOST_MANIFEST_H
#define HOST_MANIFEST_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "common/diag.h"
#include "common/digest.h"

#define MANIFEST_LIMIT_BYTES (256u << 20)

struct manifest_file {
	const char *path; /* relative, plain */
	uint64_t size_bytes;
	const char *sha256;
};

struct manifest_instance {
	const char *id;
	const json_t *params;
	struct manifest_file cd;     /* path: "params/ID.iso" */
	struct manifest_file floppy; /* path: "params/ID.img", or NULL */
};

enum layout {
	LAYOUT_DISKS,	/* app.img and output.img beside the base */
	LAYOUT_SINGLE,	/* disk.img: an operating system with everything placed into it */
	LAYOUT_BOOTABLE /* disk.img: made by the compiler, with an output partition */
};

/* A disk that the machine's firmware boots. */
struct manifest_disk {
	const struct manifest_file *file;     /* NULL: none */
	const char *format;		      /* as QEMU calls it */
	uint64_t output_offset, output_bytes; /* of the filesystem with the output */
	const char *output_folder;	      /* in it, absolute */
};

struct manifest {
	json_t *json; /* owns the texts below */
	const char *name;
	unsigned cpus;
	uint64_t memory_bytes, time_ms; /* time_ms 0: no limit */
	const char *network, *user, *append;
	const char *metrics; /* a path below /output, or NULL */
	const char *results; /* where to leave results by default: a path, or NULL */
	enum layout layout;
	struct manifest_disk disk;
	int seed, floppy; /* there is a second CD; there are floppies */
	struct manifest_file *files;
	size_t file_count;
	struct manifest_instance *instances;
	size_t instance_count;
};

/* Reads unitfd/unit.json; `unit` is what messages call the folder. Returns 0 or -1. */
int manifest_load(int unitfd, const char *unit, struct manifest *m, struct diag *d);
/* The same from memory. */
int manifest_parse(const char *bytes, size_t size, const char *unit, struct manifest *m,
	struct diag *d);
void manifest_clear(struct manifest *m);

/* The file of that path, or NULL. */
const struct manifest_file *manifest_find_file(
	const struct manifest *m, const char *path);
/* The instance that text names: an id or a prefix that only one id has. NULL with a
 * message that says which ids there are. */
const struct manifest_instance *manifest_find_instance(
	const struct manifest *m, const char *text, struct diag *d);
/* Where its results go unless the user says otherwise; the caller frees. */
char *manifest_get_results(const struct manifest *m);
/* The file that each instance starts from a copy of: its output disk, or all. */
const struct manifest_file *manifest_get_written(const struct manifest *m);
/* 1 where the guest boots a disk of its own, and its agent waits there for instances. */
int manifest_is_served(const struct manifest *m);
/* The digest of all that decides this instance's result. */
void manifest_instance_key(const struct manifest *m, const struct manifest_instance *i,
	char key[DIGEST_HEX]);

#endif
