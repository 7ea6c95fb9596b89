/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mirror: Debian's archive, by apt's own programs, which know the host's proxies and
 * check the archive's signatures. Works in a private folder: needs no root, installs
 * nothing. $WU_DEBIAN_MIRROR takes the place of http://deb.debian.org; below it lie
 * debian and debian-security. */
#ifndef COMPILER_MIRROR_H
#define COMPILER_MIRROR_H

#include "common/diag.h"
#include "common/memory.h"
#include "lock.h"
#include "store.h"

struct mirror {
	struct store *store;
	struct workdir folder; /* apt's configuration, indexes and downloads */
	const char *root;      /* "http://deb.debian.org" */
	const char *suite;
	int updated; /* the indexes are here */
};

int mirror_open(struct mirror *m, struct store *s, const char *suite, struct diag *d);
void mirror_close(struct mirror *m);

/* Fetches pinned packages to packages/SHA256.deb in the store, checked by size and
 * digest. Needs no index. The message is why the mirror could not give one of them, whose
 * index is left in *failed (may be NULL); the store keeps those that came. */
int mirror_download(struct mirror *m, const struct pin *const pins[], size_t count,
	size_t *failed, struct diag *d);

/* Fetches the indexes, once. */
int mirror_update(struct mirror *m, struct diag *d);

/* After mirror_update(): the newest package of that name, as apt would choose. Where
 * `kernel` is set, a package that only depends on a linux-image-… leads to that one.
 * Strings live in a. */
int mirror_find(struct mirror *m, const char *asked, int kernel, struct pin *pin,
	struct arena *a, struct diag *d);

/* After mirror_update(): 1 where the archive still lists exactly these packages, 0 where
 * one of them is gone, -1 with a message. */
int mirror_lists(
	struct mirror *m, const struct pin *const pins[], size_t count, struct diag *d);

/* After mirror_update(): what apt would install for these words ("less", "?essential") on
 * a system whose dpkg status is this text, without what is only recommended. Pins, as
 * apt orders them; strings live in a. *unknown is the word that the archive has nothing
 * for, where that is why it failed. */
int mirror_resolve(struct mirror *m, const char *const words[], size_t count,
	const struct buffer *status, struct pin **pins, size_t *pin_count,
	const char **unknown, struct arena *a, struct diag *d);
/* After mirror_update(): 1 where there is a package of that name, 0 where not, or -1. */
int mirror_has(struct mirror *m, const char *name, struct diag *d);

#endif
