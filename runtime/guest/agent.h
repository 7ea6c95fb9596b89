/* SPDX-License-Identifier: GPL-2.0-or-later */
/* agent: all that the agent knows; it lives on main()'s stack, for there is no heap. */
#ifndef GUEST_AGENT_H
#define GUEST_AGENT_H

#include "arguments.h"
#include "base.h"
#include "disks.h"
#include "drivers.h"
#include "output.h"
#include "parameters.h"
#include "port.h"
#include "record.h"
#include "scripts.h"

struct agent {
	/* for as long as it lives */
	int is_first; /* as PID 1: the machine is ours to prepare */
	int serves;   /* many instances, one after the other */
	int initrd;   /* its folder, from before the root changed; or -1 */
	struct base base;
	struct drivers drivers;
	struct port port;

	/* the instance */
	struct arguments arguments;
	struct disks disks;
	struct output output;
	struct record record;
	struct parameters parameters;
	struct scripts scripts;
};

#endif
