/* SPDX-License-Identifier: GPL-2.0-or-later */
/* debian_host: what a host must have so that this user can make a root of packages: the
 * programs, and, for who is not root, subordinate ids and user namespaces. */
#ifndef COMPILER_DEBIAN_HOST_H
#define COMPILER_DEBIAN_HOST_H

#include <sys/types.h>

#include "common/diag.h"

#define MMDEBSTRAP "/usr/bin/mmdebstrap"
#define UNSHARE "/usr/bin/unshare"

/* The options with which unshare(1) makes this user root of namespaces of its own; ended
 * by NULL. What runs in them ends with unshare. */
const char *const *debian_unshare_options(void);

/* 0, or -1 with one line that says what is lacking and what to do. */
int debian_check_host(const char *base_name, struct diag *d);

/* Whether a text in the form of /etc/subuid gives the user a range of at least 65536 ids.
 */
int debian_has_ids(const char *text, const char *user, uid_t uid);

/* Removes a folder of the descriptor with all it holds, also what belongs to the user's
 * subordinate ids. Fine where there is none. */
int debian_remove_folder(int dirfd, const char *name, struct diag *d);
/* The same for what dead builds left in there. */
void debian_remove_abandoned(int dirfd, const char *prefix);

#endif
