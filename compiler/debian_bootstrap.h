/* SPDX-License-Identifier: GPL-2.0-or-later */
/* debian_bootstrap: mmdebstrap's command: one step of a layer, offline, from a folder of
 * packages with their index. What could differ between hosts, users and times is pinned
 * by what it runs on the new root. */
#ifndef COMPILER_DEBIAN_BOOTSTRAP_H
#define COMPILER_DEBIAN_BOOTSTRAP_H

#include "supply.h"

/* In a folder of the store's tmp/: "repository" holds the packages, "tmp" is empty. */
struct debian_bootstrap {
	struct supply *supply;
	struct workdir *folder;
	int below;	   /* the layer that it goes on from, or -1: the essential step */
	size_t count;	   /* packages that it installs */
	const char *label; /* for messages: "essential packages" */
};

/* Runs it: the root as a tar in the file `name` of the folder. What it left elsewhere is
 * gone when this returns, or soon after we die. 0 or -1. */
int debian_run_bootstrap(
	const struct debian_bootstrap *b, const char *name, struct diag *d);

#endif
