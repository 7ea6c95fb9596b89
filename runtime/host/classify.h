/* SPDX-License-Identifier: GPL-2.0-or-later */
/* classify: what was seen of a run -> the one class that it ended in. Pure. */
#ifndef HOST_CLASSIFY_H
#define HOST_CLASSIFY_H

#include <stddef.h>

/* Why wurun itself ended QEMU. */
enum stop_cause {
	STOP_NONE,     /* it did not */
	STOP_BOOT,     /* no hello within the boot deadline */
	STOP_TIME,     /* over the time limit and the grace after it */
	STOP_PANIC,    /* the kernel panicked and stayed */
	STOP_SHUTDOWN, /* the record was written, but the guest did not end */
};

struct facts {
	int interrupted;	  /* the user wanted it to end */
	const char *host_failure; /* what failed on this side, or NULL */
	int qemu_status;	  /* as wait() gives it; looked at where stop is NONE */
	enum stop_cause stop;
	int hello;   /* the agent spoke */
	int started; /* it has started a script */
	int is_mute; /* it has none that speaks */
	int panicked, panicked_out_of_memory;
	const char *panic;	    /* the panic's line */
	const char *record_class;   /* a valid record's, or NULL */
	const char *record_reason;  /* a valid record's */
	const char *record_problem; /* why there is no valid record, or NULL */
	const char *damage; /* what of the output disk could not be read, or NULL */
};

struct verdict {
	const char *class;
	char reason[512]; /* one line for people; empty where the class is ok */
};

void classify_run(const struct facts *f, struct verdict *v);

/* A result's classes that say nothing about the application: such a run is always run
 * again, and fails the host's way (exit status 125). */
int classify_is_host_side(const char *class);

/* The class of that name as a text that outlives any record, or NULL. */
const char *classify_find(const char *name);
/* 1 where it is one of the classes that runtime/unit.h names. */
int classify_is_known(const char *class);
/* Those classes from the `at`th on, in the order of the documents; NULL at the end. */
const char *classify_get(size_t at);
/* Classes that another try may change: what failed was not, or may not have been, the
 * application. */
int classify_is_worth_a_retry(const char *class);

/* wurun's exit status for one instance; -1 stands for null. */
int classify_exit_status(const char *class, int exit_status, int signal);

#endif
