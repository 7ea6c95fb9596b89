/* SPDX-License-Identifier: GPL-2.0-or-later */
/* progress: what a person sees of a run: on a terminal one line that is kept up to date,
 * elsewhere a line for each instance that ends. */
#ifndef HOST_PROGRESS_H
#define HOST_PROGRESS_H

#include <stdint.h>
#include <stdio.h>

struct progress {
	FILE *out;
	int live; /* a terminal that can redraw a line */
	int color;
	int shown; /* the live line is on the screen */
	size_t total, ended, failed, running, silent;
	size_t slots;	    /* how many run at once */
	uint64_t spent_ms;  /* wall time of the ended ones together */
	double underway;    /* parts of instances that are running, by their own word */
	char foremost[320]; /* the one of these that says that it is the furthest, or ""
			     */
	uint64_t drawn_ms;
	char last[512];
};

/* Looks at the terminal and the environment (NO_COLOR, TERM); quiet: no live line. */
void progress_begin(struct progress *p, FILE *out, int quiet, size_t total, size_t slots);
/* Redraws the live line, at most ten times a second unless forced. */
void progress_draw(struct progress *p, int force);
/* Takes the live line away, so that something else may be printed. */
void progress_clear(struct progress *p);
/* A line of its own, above the live one. */
void progress_say(struct progress *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The escape sequence that colours good or bad words, or "". */
const char *progress_color(const struct progress *p, int good);
const char *progress_plain(const struct progress *p);

#endif
