/* SPDX-License-Identifier: GPL-2.0-or-later */
/* debian_check: whether a layer holds what it should. */
#ifndef COMPILER_DEBIAN_CHECK_H
#define COMPILER_DEBIAN_CHECK_H

#include "debian_contents.h"

/* Reads a layer's tar to its end. It must have exactly these packages, each of them
 * completely installed. `label` is what messages call it. 0 or -1. */
int debian_check_layer(int dirfd, const char *path, const char *label,
	const struct debian_contents *expected, struct diag *d);

/* The same of dpkg's status alone. */
int debian_check_status(const char *text, size_t size, const char *label,
	const struct debian_contents *expected, struct diag *d);

#endif
