/* SPDX-License-Identifier: GPL-2.0-or-later */
/* account: whom a container image names as its user -> ids, by the image's own
 * /etc/passwd and /etc/group (passwd(5), group(5)). */
#ifndef COMPILER_ACCOUNT_H
#define COMPILER_ACCOUNT_H

#include "common/diag.h"
#include "tree.h"

#define ACCOUNT_GROUPS_MAX 64

struct account {
	uint32_t uid, gid;
	uint32_t groups[ACCOUNT_GROUPS_MAX]; /* further ones */
	size_t group_count;
};

/* `user` is USER[:GROUP], each a name or a number, as image configurations have it. A
 * number need not be known; without a group it is the user's own, or 0. 0 or -1. */
int account_find(
	struct account *account, struct tree *t, const char *user, struct diag *d);

#endif
