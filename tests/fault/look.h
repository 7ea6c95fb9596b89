/* SPDX-License-Identifier: GPL-2.0-or-later */
/* look: what stands in a folder, as text to compare: a line a file with its mode, size
 * and digest, in two parts: the target's, and everything else. */
#ifndef TESTS_FAULT_LOOK_H
#define TESTS_FAULT_LOOK_H

#include "common/memory.h"

struct look {
	struct buffer target, rest; /* sorted lines */
	int guest_stays;	    /* the user's file stands in the target */
	int guest_lives;	    /* it stands somewhere */
};

struct looker {
	const char *top;    /* the folder */
	const char *target; /* a file or folder in it */
	const char *guest;  /* the name of a user's file in the target, or NULL */
	const char *cache;  /* below it what is named by a digest may come and go */
	struct known_file *known;
	size_t known_count;
};

void look_at(struct looker *l, struct look *found);
int look_is_same(const struct look *a, const struct look *b);
int look_has_same_target(const struct look *a, const struct look *b);
void look_clear(struct look *a);

#endif
