/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base: a base recipe -> kernel, initrd and root disk in the user's store, named by
 * content:
 *
 *     $XDG_CACHE_HOME/workunit/bases/DIGEST/{kernel,initrd,root.img,base.json}
 *     $XDG_CACHE_HOME/workunit/bases/DIGEST/{disk.img,seed.iso,base.json}
 *     $XDG_CACHE_HOME/workunit/packages/SHA256.deb
 *     $XDG_CACHE_HOME/workunit/keys/KEY          holds the DIGEST that these inputs gave
 *
 * DIGEST is the SHA-256 of base.json, which holds the digests of the other files. */
#ifndef COMPILER_BASE_H
#define COMPILER_BASE_H

#include <stdint.h>
#include <stdio.h>

#include "chain.h"
#include "common/diag.h"
#include "common/digest.h"
#include "common/memory.h"
#include "plan.h"

struct base_file {
	const char *name; /* "kernel" */
	uint64_t size_bytes;
	char sha256[DIGEST_HEX];
};

struct base_package {
	const char *name, *version;
};

/* What is said of a disk that boots by itself; the image is the file WU_DISK_IMAGE. */
struct base_disk {
	const char *format; /* "qcow2": as QEMU's drivers are called; never probed */
	int partition;	    /* its number, or PARTITION_ANY */
	const char *home;
	enum agent_way agent;
};

struct base {
	const char *name, *description;
	const char *folder; /* absolute, in the store */
	char digest[DIGEST_HEX];
	const char *append;
	const char *const *command; /* what an image runs where a unit says nothing */
	size_t command_count;
	const struct base_disk *disk;  /* NULL: it boots by kernel and initrd */
	const struct base_file *files; /* sorted by name; base.json is not among them */
	size_t file_count;
	const struct base_package *packages;
	size_t package_count;
	const char *const *inputs; /* host files that decided it besides its recipe: the
				      lock, the agent, what its items name */
	size_t input_count;
	int built; /* it was not in the store */
};

struct base_options {
	int locked;	     /* refuse where a pinned package cannot be had */
	int update;	     /* renew the lock from the archive */
	int find_only;	     /* build nothing: base->folder is NULL if not in the store */
	int needs_partition; /* of a base that is a disk one must be meant: single.h */
	const char *const *allowed; /* as in scan.h */
	size_t allowed_count;
	/* Says what is going on ("fetching busybox-static 1:1.35.0-4"), or a warning that
	 * the user must see; NULL: silent. */
	void (*say)(void *context, int warning, const char *text);
	void *say_context;
};

/* Finds the base in the store, or builds it there: atomically, and without harm where
 * another process builds it too. Strings live in a. */
int base_build(const struct chain *c, const struct base_options *o, struct base *base,
	struct arena *a, struct diag *d);

/* Looks at every file that the base's recipes name; builds nothing and asks nobody. 0 or
 * -1. */
int base_check(const struct chain *c, const struct base_options *o, struct diag *d);

#endif
