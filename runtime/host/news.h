/* SPDX-License-Identifier: GPL-2.0-or-later */
/* news: what a run tells, and whom: people on standard error, programs on standard
 * output; and the exit status that it comes to. */
#ifndef HOST_NEWS_H
#define HOST_NEWS_H

#include <jansson.h>

#include "command.h"
#include "instance.h"
#include "progress.h"
#include "sweep.h"

enum news_style { NEWS_NORMAL, NEWS_QUIET, NEWS_VERBOSE, NEWS_JSON };

struct news {
	const struct stdio *stdio;
	const char *results; /* the folder's path, as given */
	const struct manifest *manifest;
	enum news_style style;
	size_t total;  /* instances selected */
	size_t reused; /* of them had their result already */
	size_t reused_failed;
	struct buffer failed_before;		     /* the first of these, as a text */
	size_t ok, failed, host_failed, interrupted; /* of those that ran */
	size_t retried;
	struct progress progress;
	const char *only_class; /* of a selection of one, once it has a result */
	int only_exit_status, only_signal;
	int waited, was_short; /* it was said */
	int tails_ended;       /* it was said that further logs are not shown */
	int broken;	       /* nobody reads standard output any more */
};

void news_init(struct news *n, const struct stdio *stdio, const char *results,
	const struct manifest *m, size_t total, enum news_style style);
/* An instance had its result already. */
void news_reuse(struct news *n, const struct manifest_instance *what,
	const struct journal_entry *e);
/* A probe had to be made to know this. */
void news_probe(struct news *n, enum accelerator a);
/* Now `count` of them run, `slots` at once. */
void news_begin(struct news *n, size_t count, size_t slots);

/* A complaint that is no instance's. */
void news_say(void *news, const char *what);

/* For struct sweep_listener. */
void news_ended(void *news, const struct instance *i, int again);
void news_fell_back(void *news);
int news_turn(void *news, const struct sweep_state *state);

/* The closing line. Returns wurun's exit status. */
int news_conclude(struct news *n, int signal);
void news_clear(struct news *n);

#endif
