/* SPDX-License-Identifier: GPL-2.0-or-later */
/* supply: the Debian packages that a base needs: which ones, by its recipe and its lock;
 * then each of them in the store, from the mirror where it is not there yet. */
#ifndef COMPILER_SUPPLY_H
#define COMPILER_SUPPLY_H

#include "base.h"
#include "lock.h"
#include "mirror.h"
#include "store.h"

struct supply {
	const struct base_plan *plan;
	const struct base_options *options;
	struct store *store;
	struct arena *arena;
	const char *lock_path;
	struct lock old;  /* what the file says */
	struct lock lock; /* what is pinned, for exactly what the recipe asks for */
	int lock_is_new;  /* it says something else than the file */
	int substituted;  /* a pinned package is gone; a newer one is used */
	int incomplete;	  /* options->find_only, and the lock does not pin all */
	struct mirror mirror;
	int mirror_is_open;
};

/* Reads the lock, and asks the mirror where it is to be renewed or does not pin all. What
 * is installed on a root disk is left to debian_pin(). */
int supply_open(struct supply *s, struct store *store, const struct base_plan *plan,
	const struct base_options *o, struct arena *a, struct diag *d);
void supply_close(struct supply *s);

/* Brings the kernel and the packages of which members are taken to the store. Where a
 * pinned one has left the archive the newest takes its place in s->lock, with a warning;
 * with options->locked that is an error. */
int supply_fetch(struct supply *s, struct diag *d);

/* Brings all packages of a step to the store. *gone is one that has left the archive,
 * where that is why not all are there. 0 or -1. */
int supply_fetch_step(
	struct supply *s, enum pin_step step, const struct pin **gone, struct diag *d);

/* Makes the mirror's indexes ready, for what `needed` says. */
int supply_ask_archive(struct supply *s, const char *needed, struct diag *d);
/* 0 where the lock can be written beside the recipe, else -1 with what to do. */
int supply_check_lock(const struct supply *s, struct diag *d);

/* Writes the lock file where it has changed for another reason than a substitution. */
int supply_keep_lock(struct supply *s, struct diag *d);

/* Reads the control file of a package that the store has to an empty buffer; -1 where it
 * says that it is another than the pinned one. */
int supply_read_control(
	struct supply *s, const struct pin *pin, struct buffer *b, struct diag *d);

/* The pin of what the recipe asks for. */
const struct pin *supply_find(const struct supply *s, const char *asked);
/* "packages/SHA256.deb" in the store. */
const char *supply_place(const struct pin *pin, struct arena *a);
/* "busybox-static 1:1.35.0-4" for messages. */
const char *supply_label(const struct pin *pin, struct arena *a);

/* "`wuc base build --update mini` renews the lock". */
const char *supply_advice(const struct supply *s);

/* Says a line to the options' listener, if there is one. */
void supply_say(const struct base_options *o, int warning, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
