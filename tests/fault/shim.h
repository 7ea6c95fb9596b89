/* SPDX-License-Identifier: GPL-2.0-or-later */
/* shim: what the preloaded library tells the program that drives it. */
#ifndef TESTS_FAULT_SHIM_H
#define TESTS_FAULT_SHIM_H

#define FAULT_SECONDS 60 /* a run that takes longer hangs */

struct step {
	unsigned long call; /* which one a child went on with */
	int ended;	    /* none did: from this one on each takes a run of its own */
	int status;	    /* the child's, as waitpid() gives it */
};

#endif
