/* SPDX-License-Identifier: GPL-2.0-or-later */
/* serve: an agent that waits for instances, one after the other, in a guest that goes on.
 */
#ifndef GUEST_SERVE_H
#define GUEST_SERVE_H

#include "agent.h"

/* Until it is told to end: returns the status to exit with then. Launches what appears in
 * the folder as this user. */
int serve(struct agent *a, int arguments_are_good, const char *dropped,
	const struct user *user);

#endif
